"""The values of a form for settings: written from what is stored, and read from what was sent."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from host_litestar.dashboard.setting_fields import Setting

Values: TypeAlias = Mapping[str, str]  # of the fields of a form, by their names
ON: Final = "on"
CLEAR: Final = "clear."  # before the name of a secret that is to be deleted
DROP: Final = "drop."  # before the name of an item that is to be removed
LEFT_OUT: Final = object()  # in the place of a setting that has no value


def write_values(settings: list[Setting], stored: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields of a form show of stored settings. No secret is among them."""
    written: dict[str, str] = {}
    for setting in settings:
        value = stored.get(setting.name, setting.default)
        written.update(_write(setting, value))
    return written


def _write(setting: Setting, value: Any) -> Iterator[tuple[str, str]]:
    if setting.kind == "group":
        if setting.is_nullable and value is not None:
            yield setting.path, ON
        yield from write_values(setting.parts, value if isinstance(value, Mapping) else {}).items()
    elif setting.kind == "list":
        for at, item in enumerate(value or ()):
            yield from _write(setting.item(at), item)
    elif value is not None and not setting.is_secret:
        text = _text_of(setting, value)
        if text:
            yield setting.path, text


def _text_of(setting: Setting, value: Any) -> str:
    match setting.kind:
        case "tick":
            return ON if value else ""
        case "lines":
            return "\n".join(map(str, value))
        case "pairs":
            return "\n".join(f"{name}: {one}" for name, one in value.items())
        case "json":
            return json.dumps(value, indent=2, ensure_ascii=False) if value != {} else ""
        case "value":
            return value if isinstance(value, str) and _parsed(value) == value else json.dumps(value)
        case _:
            return str(value)


def read_values(settings: list[Setting], values: Values) -> dict[str, Any]:
    """Return the settings that a form has. What fits no schema is kept as a text.

    What was left empty is left out, and so is what is the default, so that a later default applies.
    """
    found = [(setting, _read(setting, values)) for setting in settings]
    return {
        setting.name: value
        for setting, value in found
        if value is not LEFT_OUT and (value is None or value != setting.default)
    }


def _read(setting: Setting, values: Values) -> Any:
    if setting.is_secret and f"{CLEAR}{setting.path}" in values:
        return setting.default
    if setting.kind == "group":
        found = _read_group(setting, values)
        return LEFT_OUT if setting.is_secret and found == _untouched(setting) else found
    if setting.kind == "list":
        return [item for item in _read_items(setting, values) if item is not LEFT_OUT] or LEFT_OUT
    if setting.kind == "tick":
        return setting.path in values
    text = values.get(setting.path, "").strip()
    return _value_of(setting, text) if text else LEFT_OUT


def _read_group(setting: Setting, values: Values) -> Any:
    if setting.is_nullable and setting.path not in values:
        return LEFT_OUT
    parts = setting.parts
    if variants := setting.variants:
        chosen = variants.get(values.get(parts[0].path, ""), {})
        parts = [part for part in parts if part.name in chosen.get("properties", {})]
    found = read_values(parts, values)
    return found if found or setting.is_required or setting.is_nullable else LEFT_OUT


def _read_items(setting: Setting, values: Values) -> Iterator[Any]:
    """Yield the items of a list, without those that are to be removed or have no value but their defaults."""
    for at in range(count_items(setting, values)):
        item = setting.item(at)
        if f"{DROP}{item.path}" in values:
            continue
        found = _read(item, values)
        yield LEFT_OUT if found in (LEFT_OUT, _untouched(item), {}) else found


def _untouched(group: Setting) -> dict[str, Any]:
    """Return what a group has whose form was not touched: its defaults."""
    return read_values(group.parts, write_values(group.parts, {}))


def count_items(setting: Setting, values: Values) -> int:
    """Return how many items of a list a form has."""
    start = f"{setting.path}."
    places = [name.removeprefix(start).partition(".")[0] for name in values if name.startswith(start)]
    return max((int(place) + 1 for place in places if place.isdecimal() and len(place) < 4), default=0)  # noqa: PLR2004 - a list of a thousand is no form


def _value_of(setting: Setting, text: str) -> Any:
    match setting.kind:
        case "number":
            return _number(text)
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "pairs":
            return _pairs(text)
        case "json" | "value":
            return _parsed(text)
        case _:
            return text


def _number(text: str) -> float | str:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number


def _pairs(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in lines}


def _parsed(text: str) -> Any:
    """Return a text as JSON, or as it is: people write 4xx and not "4xx"."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
