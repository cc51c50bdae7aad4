"""The values of a form for settings: written from what is stored, and read from what was sent."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pydantic.alias_generators import to_snake

from host_litestar.dashboard.setting_fields import Setting

Values: TypeAlias = Mapping[str, str]  # of the fields of a form, by their names
ON: Final = "on"
CLEAR: Final = "clear."  # before the name of a secret that is to be deleted
DROP: Final = "drop."  # before the name of an item that is to be removed
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
LEFT_OUT: Final = object()  # in the place of a setting that has no value


def write_values(settings: list[Setting], stored: Mapping[str, Any]) -> dict[str, str]:
    """Return what the fields of a form show of stored settings. No secret is among them."""
    written: dict[str, str] = {}
    for setting in settings:
        written.update(_write(setting, _value_in(stored, setting, setting.default)))
    return written


def _value_in(stored: Mapping[str, Any], setting: Setting, default: Any) -> Any:
    """Return the stored value of a setting, which a program may have given as baseUrl or as base_url."""
    return stored.get(setting.name, stored.get(to_snake(setting.name), default))


def _write(setting: Setting, value: Any) -> Iterator[tuple[str, str]]:
    if setting.kind == "group":
        if setting.is_nullable and value is not None:
            yield setting.path, ON
        yield from write_values(setting.parts, _mapping(value)).items()
    elif setting.kind == "list":
        for at, one in enumerate(value or ()):
            item = setting.item(at)
            yield item.path, ""  # it counts, though all its fields may be empty
            yield from _write(item, one)
    elif text := _shown_text(setting, value):
        yield setting.path, text


def _shown_text(setting: Setting, value: Any) -> str:
    """Return what a field shows; nothing of a secret."""
    if value is None or setting.is_secret:
        return ""
    if setting.kind == "choice":
        texts = (text for text, one in setting.members.items() if one == value and type(one) is type(value))
        return next(texts, str(value))
    return _text_of(setting, value)


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
            is_plain = isinstance(value, str) and _parsed(value) == value and value == _one_line(value)
            return value if is_plain else json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _one_line(text: str) -> str:
    """Return a text as a field of one line keeps it."""
    return text.replace("\r", "").replace("\n", "")


def read_values(settings: list[Setting], values: Values, stored: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Return the settings that a form has. What fits no schema is kept as a text.

    A setting that was not touched keeps its stored value. Of the others, what was left empty is left out, and so is
    what is the default, so that a later default applies.

    :param stored: the settings that the form showed; its secrets may be missing.
    """
    found = [(setting, _read(setting, values, _value_in(stored, setting, LEFT_OUT))) for setting in settings]
    return {setting.name: value for setting, value in found if value is not LEFT_OUT}


def _read(setting: Setting, values: Values, stored: Any) -> Any:
    if setting.is_secret and f"{CLEAR}{setting.path}" in values:
        return _cleared(setting)
    if not _is_touched(setting, values, setting.default if stored is LEFT_OUT else stored):
        return stored
    value = _read_touched(setting, values, stored)
    is_default = value == setting.default and isinstance(value, bool) == isinstance(setting.default, bool)
    return LEFT_OUT if is_default and value is not None else value


def _read_touched(setting: Setting, values: Values, stored: Any) -> Any:
    match setting.kind:
        case "group":
            return _read_group(setting, values, stored)
        case "list":
            shown = setting.default if stored is LEFT_OUT else stored
            items = [item for item in _read_items(setting, values, shown or ()) if item is not LEFT_OUT]
            return items or _emptied(setting)
        case "tick":
            return setting.path in values
        case _:
            text = _sent_text(setting, values)
            return _value_of(setting, text) if text else _emptied(setting)


def _cleared(secret: Setting) -> Any:
    """Return the value of a secret that is deleted: its default, but for one that a schema masks."""
    if secret.kind == "text" and secret.default:
        return None if secret.is_nullable else ""
    return secret.default


def _emptied(setting: Setting) -> Any:
    """Return the value of a setting whose field is empty now: one that is not the default, where there is one."""
    if not setting.default:
        return LEFT_OUT
    if setting.kind in {"list", "lines"}:
        return []
    if setting.kind == "pairs":
        return {}
    return None if setting.is_nullable else LEFT_OUT


# --- what was touched ------------------------------------------------------------------------------------------


def _is_touched(setting: Setting, values: Values, shown: Any) -> bool:
    """Return whether a form has something else than it showed.

    :param shown: the value from which the form was written.
    """
    match setting.kind:
        case "group":
            return _is_group_touched(setting, values, shown)
        case "list":
            found = list(_read_items(setting, values, shown or ()))
            return len(found) < len(shown or ()) or any(
                item is not (shown[at] if at < len(shown or ()) else LEFT_OUT) for at, item in enumerate(found)
            )
        case "tick":
            return (setting.path in values) != bool(shown)
        case _:
            return _sent_text(setting, values) != _plain(_shown_text(setting, shown))


def _is_group_touched(group: Setting, values: Values, shown: Any) -> bool:
    if group.is_nullable:
        is_on = group.path in values
        if not is_on or shown is None:
            return is_on or shown is not None
    inner = _mapping(shown)
    parts = _parts_sent(group, values)
    return any(_is_touched(part, values, _value_in(inner, part, part.default)) for part in parts)


def _sent_text(setting: Setting, values: Values) -> str:
    return _plain(values.get(setting.path, ""))


def _plain(text: str) -> str:
    """Return a text as it comes back from a browser, whatever it does to line breaks."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


# --- groups and lists ------------------------------------------------------------------------------------------


def _read_group(group: Setting, values: Values, stored: Any) -> Any:
    if group.is_nullable and group.path not in values:
        return LEFT_OUT if group.default is None else None
    inner = _inner_defaults(group) if stored is LEFT_OUT else _mapping(stored)
    found = read_values(_parts_sent(group, values), values, inner)
    return found if found or inner or group.is_required or group.is_nullable else LEFT_OUT


def _parts_sent(group: Setting, values: Values) -> list[Setting]:
    """Return the parts of a group; of one that has variants, the choice and the parts of the chosen variant."""
    if not group.variants:
        return group.parts
    choice, *parts = group.parts
    value = choice.members.get(_sent_text(choice, values))
    chosen = group.variants.get(str(value), {})
    return [choice, *(part for part in parts if part.name in chosen.get("properties", {}))]


def _inner_defaults(group: Setting) -> dict[str, Any]:
    """Return the parts of a group's default that are not the defaults of the parts themselves."""
    default = _mapping(group.default)
    parts = (part for part in group.parts if part.name in default and not part.is_secret)
    return {part.name: default[part.name] for part in parts if default[part.name] != part.default}


def _read_items(setting: Setting, values: Values, shown: Sequence[Any]) -> Iterator[Any]:
    """Yield the items of a list, those as shown that were not touched.

    ``LEFT_OUT`` stands for those that are to be removed or have no value but their defaults.
    """
    for at in range(count_items(setting, values)):
        item = setting.item(at)
        if f"{DROP}{item.path}" in values:
            yield LEFT_OUT
            continue
        found = _read(item, values, shown[at] if at < len(shown) else LEFT_OUT)
        is_kept = at < len(shown) and found is shown[at]
        yield found if is_kept or found not in (LEFT_OUT, {}) else LEFT_OUT


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else NOTHING


def secrets_in(settings: Iterable[Setting], values: Values, *, with_unticked: bool) -> Iterator[Setting]:
    """Yield the secrets that a form has fields for, without those that are to be deleted.

    :param with_unticked: whether those of groups that are left out are among them.
    """
    for setting in settings:
        if not setting.is_secret or f"{CLEAR}{setting.path}" in values or f"{DROP}{setting.path}" in values:
            continue
        if setting.kind == "group":
            if with_unticked or not setting.is_nullable or setting.path in values:
                parts = setting.parts if with_unticked else _parts_sent(setting, values)
                yield from secrets_in(parts, values, with_unticked=with_unticked)
        elif setting.kind == "list":
            items = (setting.item(at) for at in range(count_items(setting, values)))
            yield from secrets_in(items, values, with_unticked=with_unticked)
        else:
            yield setting


def count_items(setting: Setting, values: Values) -> int:
    """Return how many items of a list a form has."""
    start = f"{setting.path}."
    places = [name.removeprefix(start).partition(".")[0] for name in values if name.startswith(start)]
    return max((int(place) + 1 for place in places if place.isdecimal() and len(place) < 4), default=0)  # noqa: PLR2004 - a list of a thousand is no form


def _value_of(setting: Setting, text: str) -> Any:
    match setting.kind:
        case "number":
            return _number(text)
        case "choice":
            return setting.members.get(text, text)
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
        return int(text)  # a float would round a long one
    except ValueError:
        pass
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
