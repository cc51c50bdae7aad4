"""The settings of a connection as they are given and shown: addresses without secrets, credentials masked."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from wabroadcast_core.errors import Fault
from wabroadcast_core.sentences import Sentence

MASK = "********"
ADDRESS_NAMES = ("baseUrl", "base_url")
_FREE_PLACES = frozenset({"headers", "query", "body", "bodies"})  # whose names an operator chooses
_CREDENTIAL = re.compile(
    r"auth|cookie|token|secret|passw|credential|signature|api.?key|(^|[-_])key$|Key$", re.IGNORECASE
)
_TEMPLATE = "{{"  # such a value is a reference to a secret or to a message, and no secret itself


def address_faults(settings: Mapping[str, Any], *, is_allowed: Callable[[str], bool]) -> list[Fault]:
    """Return the faults of a base address that is given.

    :param is_allowed: whether requests may go to an IP address.
    """
    return [
        Fault(f"settings.{name}", fault)
        for name in ADDRESS_NAMES
        if isinstance(address := settings.get(name), str) and (fault := _fault_of(address, is_allowed)) is not None
    ]


def _fault_of(address: str, is_allowed: Callable[[str], bool]) -> str | None:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return Sentence("no_base_address", "not an address: write it as https://gateway.example/path")
    if "@" in parts.netloc or parts.query or parts.fragment:
        text = "the address has a user, password, query or fragment: remove it, because addresses are shown"
        return Sentence("base_address_with_more", text)
    if host is not None and not is_allowed(host):
        text = "requests to this network are refused: see WABROADCAST_PROVIDER_NETWORKS"
        return Sentence("network_refused", text)
    return None


def masked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings to show: without the values of credentials in headers, queries, bodies and base addresses."""
    return {
        name: _address_without_secrets(value) if name in ADDRESS_NAMES else _masked(value, free=name in _FREE_PLACES)
        for name, value in settings.items()
    }


def _masked(value: Any, *, free: bool) -> Any:
    if isinstance(value, list):
        return [_masked(item, free=free) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: MASK if free and _is_credential(name, item) else _masked(item, free=free or name in _FREE_PLACES)
        for name, item in value.items()
    }


def _is_credential(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(value) and _TEMPLATE not in value and bool(_CREDENTIAL.search(name))


def _address_without_secrets(value: Any) -> Any:
    try:
        parts = urlsplit(value)
    except (ValueError, AttributeError):
        return value
    netloc = parts.netloc.rpartition("@")[2]
    if netloc == parts.netloc and not parts.query:
        return value
    return urlunsplit((parts.scheme, f"{MASK}@{netloc}" if netloc != parts.netloc else netloc, parts.path, "", ""))


def unmasked(given: Any, stored: Any) -> Any:
    """Return given settings with the stored values where they have the mask: what is shown can be saved again."""
    if given == MASK:
        return stored if isinstance(stored, str) else given
    if isinstance(given, dict) and isinstance(stored, dict):
        return {name: unmasked(value, stored.get(name)) for name, value in given.items()}
    if isinstance(given, list) and isinstance(stored, list):
        return [unmasked(value, stored[at] if at < len(stored) else None) for at, value in enumerate(given)]
    return given


def mask_faults(settings: Any, path: str = "settings") -> list[Fault]:
    """Return a fault for each mask that stands for nothing stored."""
    if settings == MASK:
        text = "this is the mask of a value that is not shown, and none is stored: give the value"
        return [Fault(path, Sentence("only_mask", text))]
    items = (
        settings.items() if isinstance(settings, dict) else enumerate(settings) if isinstance(settings, list) else ()
    )
    return [fault for name, value in items for fault in mask_faults(value, f"{path}.{name}")]
