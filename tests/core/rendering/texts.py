"""Short ways to compile and to render one text; Jinja as the reference that our rendering must equal."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
from hypothesis import HealthCheck, settings

from wabroadcast_core.models.message import TextContent
from wabroadcast_core.models.recipient import Scalar, scalar_text
from wabroadcast_core.rendering.content import CompiledContent, MissingVariable, compile_content
from wabroadcast_core.rendering.template import compile_text

LONG = 1_000_000  # characters, where the length is not what is tested
JINJA = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    finalize=lambda value: scalar_text(value) if isinstance(value, float) else value,
)

unhurried = settings(  # the first draw builds Hypothesis' table of characters
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

_compile_jinja = lru_cache(JINJA.from_string)
_compile_text = lru_cache(compile_text)


def compile_body(text: str) -> CompiledContent:
    return compile_content(TextContent(text=text))


def render_body(text: str, *, name: str | None = "Budi", **variables: Scalar) -> str | None:
    return compile_body(text).render(number="+628123456789", name=name, variables=variables).text


def render_by_jinja(source: str, values: Mapping[str, Any]) -> str:
    try:
        return _compile_jinja(source).render(values)
    except jinja2.UndefinedError:
        return "missing"


def render_by_us(source: str, values: Mapping[str, Any]) -> str:
    try:
        return _compile_text(source, longest=LONG).fill(values)
    except MissingVariable:
        return "missing"
