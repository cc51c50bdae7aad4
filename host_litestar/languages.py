"""The language of the texts of an answer: from the parameter ``lang``, else from the header ``Accept-Language``."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

from litestar.params import HeaderParameter, QueryParameter

from wabroadcast_core.errors import Fault, InvalidInputError

Lang: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="lang", max_length=35, description="Language of the texts; else Accept-Language decides."),
]
AcceptLanguage: TypeAlias = Annotated[
    str | None, HeaderParameter(name="Accept-Language", description="Languages of the texts.")
]

_OLD_CODES = {"in": "id"}  # Indonesian, as older Java and Android write it


def choose_language(lang: str | None, accepted: str | None, *, available: Sequence[str]) -> str:
    """Return the language of an answer.

    :param lang: the language that the call asks for.
    :param accepted: the header ``Accept-Language``.
    :param available: the first is the default.
    :raises InvalidInputError: there are no texts in the language that the call asks for.
    """
    if lang is not None:
        if (wanted := _primary(lang)) not in available:
            raise InvalidInputError(
                [Fault("lang", f"there are no texts in this language: give one of {', '.join(available)}")]
            )
        return wanted
    ordered = sorted(_read_header(accepted or ""), key=lambda item: -item[1])
    return next((language for language, _ in ordered if language in available), available[0])


def _read_header(header: str) -> Iterator[tuple[str, float]]:
    """Yield each language with its weight, without those that the caller refuses."""
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        weight = _read_weight(parameter)
        if weight > 0:
            yield _primary(tag), weight


def _read_weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if math.isfinite(weight) else 0.0


def _primary(tag: str) -> str:
    """Return the language of a tag such as ``id-ID``."""
    code = tag.strip().lower().replace("_", "-").partition("-")[0]
    return _OLD_CODES.get(code, code)
