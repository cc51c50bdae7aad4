"""The names of fields of forms, as their pages label them."""

from collections.abc import Iterator, Mapping
from typing import Final

from host_litestar.dashboard.texts import Texts

OF_A_BROADCAST: Final = "compose.field."
OF_A_SENDER: Final = "setting."
LABELS: Final[Mapping[str, str]] = {
    "number": "contacts.number",
    "tags": "contacts.tags",
    "variables": "contacts.variables",
    "typed": "field.typed",
    "read": "field.read",
    "test": "review.number",
    "test.number": "review.number",
    "test.asNumber": "review.as_whom",
    "file": "file.file",
    "region": "file.region",
    "sheet": "file.sheet",
    "encoding": "file.encoding",
    "delimiter": "file.delimiter",
    "reason": "opt_outs.reason",
    "scope": "api_keys.scopes",
    "scopes": "api_keys.scopes",
    "into": "tags.merge_into",
    "since": "activity.since",
    "until": "activity.until",
    "object": "activity.kind",
    "objectId": "activity.what",
    "actor": "activity.who",
    "quotas": "limits.quotas",
    "jitter": "limits.jitter",
    "perRecipient": "limits.perRecipient",
    "warmUp": "limits.warmUp",
    "lanes": "limits.lanes_label",
    "checkNumbers": "limits.check_label",
    "sendWindow.timezone": "compose.zone",
    "rate.messages": "compose.rate.messages",
    "rate.perSeconds": "compose.rate.per",
    "batching.size": "compose.batches.size",
    "batching.intervalSeconds": "compose.batches.every",
    "retry.maxAttempts": "compose.retry.attempts",
    "retry.intervalSeconds": "compose.retry.every",
    "message.text": "compose.text",
    "message.media": "compose.media",
    "message.media.url": "compose.media.url",
    "message.filename": "compose.media.filename",
}


def name_field(t: Texts, path: str) -> str:
    """Return the label of the field that a fault is about; the path, if the pages have no text for it."""
    return next((t(key) for key in _keys_of(path) if key in t), path)


def _keys_of(path: str) -> Iterator[str]:
    """Yield the keys of the labels of a field, and of what it is a part of: the closest first."""
    parts = path.split(".")
    if parts[0] == "settings" and len(parts) > 1:
        yield f"{OF_A_SENDER}{parts[1]}"
    for end in range(len(parts), 0, -1):
        part = ".".join(parts[:end])
        yield LABELS.get(part, f"{OF_A_BROADCAST}{part}")
