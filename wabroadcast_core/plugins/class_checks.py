"""Checks of the classes that plugins register: what can be seen without an instance.

The contract suites check the same, so that a class which passes them is never refused.
"""

import dataclasses
import functools
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from pydantic import BaseModel

from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.plugin_faults import describe_fault

KIND: Final = re.compile(r"[a-z][a-z0-9_-]*")
TYPES: Final = frozenset({"text", "image", "document", "audio", "video", "template"})
_RIGHT_REASONS: Final = 'right is {"en": {"code": ("meaning", "action")}}'
_MOST_CODES: Final = 5  # named in a fault
_COROUTINES: Final = ("check_numbers", "find_message", "check_connection", "aclose")


def faults_of_sender(sender: Any) -> list[str]:
    """Return what is wrong with a sender class; empty if nothing is."""
    return list(_kind_and_settings(sender)) or [
        *_capabilities(getattr(sender, "capabilities", None), sender),
        *_method(sender, "send", arguments=1, is_async=True),
        *(fault for name in _COROUTINES if hasattr(sender, name) for fault in _method(sender, name, is_async=True)),
        *_webhook_methods(sender),
        *_constructor(sender),
        *_languages(getattr(sender, "reasons", {})),
    ]


def faults_of_contact_source(source: Any) -> list[str]:
    """Return what is wrong with a contact source class; empty if nothing is."""
    faults = list(_kind_and_settings(source))
    if faults:
        return faults
    if not isinstance(getattr(source, "repeatable", None), bool):
        faults.append("repeatable is not True or False")
    return [*faults, *_method(source, "read", arguments=0, is_async=False), *_constructor(source)]


def faults_of_kind(kind: object) -> list[str]:
    """Return what is wrong with the kind of a class."""
    if isinstance(kind, str) and KIND.fullmatch(kind):
        return []
    return ["kind is not a lower-case letter followed by lower-case letters, digits, '-' or '_'"]


def faults_of_settings(settings: Any) -> list[str]:
    """Return what is wrong with a ``Settings`` class: the dashboard draws a form from its JSON schema."""
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        return ["Settings is not a pydantic model class"]
    return list(_faults_of_schema(settings))


@functools.cache
def _faults_of_schema(settings: type[BaseModel]) -> tuple[str, ...]:
    """Return what is wrong with the JSON schema of a class. It takes milliseconds to make, and never changes."""
    try:
        schema = json.loads(json.dumps(settings.model_json_schema(by_alias=True)))
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises is its fault
        return (f"Settings has no JSON schema ({describe_fault(error)})",)
    return () if schema.get("type") == "object" or "$ref" in schema else ("the JSON schema of Settings is no object",)


def faults_of_capabilities(given: Any) -> list[str]:
    """Return what is wrong with the ``capabilities`` of a sender class."""
    if not isinstance(given, Capabilities):
        return ["capabilities is not a Capabilities object"]
    fields: dict[str, Any] = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    types = fields["types"]
    if not isinstance(types, AbstractSet) or not types or not types <= TYPES:
        return [f"capabilities.types is not a set of some of {', '.join(sorted(TYPES))}"]
    flags = ("ban_risk", "client_message_ids", "number_check", "simulated")
    lengths = [name for name in ("text_length", "caption_length") if not _is_positive(fields[name])]
    return [
        *(f"capabilities.{name} is not a positive whole number" for name in lengths),
        *(f"capabilities.{name} is not True or False" for name in flags if not isinstance(fields[name], bool)),
        *_media(fields),
        *([] if isinstance(fields["limits"], Limits) else ["capabilities.limits is not a Limits object"]),
        *([] if isinstance(fields["test_numbers"], Mapping) else ["capabilities.test_numbers is not a mapping"]),
    ]


def faults_of_reasons(given: Any) -> list[str]:
    """Return what is wrong with the ``reasons`` of a sender class.

    Only a language that is no text keeps a class from being registered: it would break the list of languages for all
    senders. Of other faults the catalogue leaves out the texts, and the sender sends without them.
    """
    if not isinstance(given, Mapping):
        return [f"reasons is not a mapping of texts by language ({_RIGHT_REASONS})"]
    return [*_languages(given), *_texts(given)]


def _languages(reasons: Any) -> Iterator[str]:
    if isinstance(reasons, Mapping) and not all(isinstance(language, str) for language in reasons):
        yield f"reasons has a language that is not a text ({_RIGHT_REASONS})"


def _texts(reasons: Mapping[Any, Any]) -> Iterator[str]:
    for language, texts in reasons.items():
        where = f"reasons[{language!r}]" if isinstance(language, str) else "a part of reasons"
        if not isinstance(texts, Mapping):
            yield f"{where} is not a mapping of pairs by code ({_RIGHT_REASONS})"
            continue
        if not all(isinstance(code, str) for code in texts):
            yield f"{where} has a code that is not a text ({_RIGHT_REASONS})"
        if odd := [str(code) for code, pair in texts.items() if not _is_pair_of_texts(pair)]:
            more = ", …" if len(odd) > _MOST_CODES else ""
            codes = ", ".join(odd[:_MOST_CODES])
            yield f"{where} has codes without a tuple of two texts: {codes}{more} ({_RIGHT_REASONS})"


def _is_pair_of_texts(pair: object) -> bool:
    return isinstance(pair, tuple) and [type(text) for text in pair] == [str, str]


def _kind_and_settings(plugin_class: Any) -> Iterator[str]:
    if not isinstance(plugin_class, type):
        yield "it is not a class"
        return
    yield from faults_of_kind(getattr(plugin_class, "kind", None))
    yield from faults_of_settings(getattr(plugin_class, "Settings", None))


def _capabilities(given: Any, sender: Any) -> Iterator[str]:
    yield from faults_of_capabilities(given)
    if getattr(given, "number_check", False) and not hasattr(sender, "check_numbers"):
        yield "capabilities.number_check is set and the method check_numbers is missing"


def _media(fields: Mapping[str, Any]) -> Iterator[str]:
    sizes, types = fields["media_bytes"], fields["media_types"]
    for name in ("caption_types", "upload_types"):
        if not isinstance(fields[name], AbstractSet):
            yield f"capabilities.{name} is not a set"
    if not isinstance(sizes, Mapping) or not all(map(_is_positive, sizes.values())):
        yield "capabilities.media_bytes does not map media kinds to positive whole numbers"
    elif not set(sizes) <= fields["types"]:
        yield "capabilities.media_bytes has a type that is not in types"
    if not isinstance(types, Mapping) or not all(isinstance(one, AbstractSet) for one in types.values()):
        yield "capabilities.media_types does not map media kinds to sets of MIME types"


def _webhook_methods(sender: Any) -> Iterator[str]:
    names = [name for name in ("verify_webhook", "parse_webhook") if hasattr(sender, name)]
    if len(names) == 1:
        yield f"{names[0]} needs both verify_webhook and parse_webhook"
    for name in names:
        yield from _method(sender, name, arguments=1, is_async=False)


def _method(plugin_class: Any, name: str, *, is_async: bool, arguments: int | None = None) -> Iterator[str]:
    method = getattr(plugin_class, name, None)
    if not callable(method):
        yield f"the method {name} is missing"
    elif is_async and not _is_coroutine_function(method):
        yield f"{name} is not a coroutine function: define it with async def"
    elif not is_async and (_is_coroutine_function(method) or inspect.isasyncgenfunction(method)):
        yield f"{name} is a coroutine function: define it with def"
    elif arguments is not None and not _accepts(method, arguments + _is_bound_later(plugin_class, name)):
        yield f"{name} does not accept the {arguments} argument(s) that it is called with"


def _constructor(plugin_class: Any) -> Iterator[str]:
    if not _accepts(plugin_class, 2):
        yield "its constructor does not accept the settings and the context"


def _is_bound_later(plugin_class: Any, name: str) -> bool:
    """Return whether a method gets its instance as an argument beside those of the caller."""
    return not isinstance(inspect.getattr_static(plugin_class, name), staticmethod | classmethod)


def _accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True  # code that is not Python's has none
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _is_coroutine_function(function: Any) -> bool:
    innermost = inspect.unwrap(function)
    return inspect.iscoroutinefunction(innermost) or inspect.iscoroutinefunction(getattr(innermost, "__call__", None))  # noqa: B004 - an object may be the method


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
