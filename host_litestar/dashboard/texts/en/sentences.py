"""The sentences of the core, as the API has them, but for those whose values have words of their own on a page."""

from typing import Final

from wabroadcast_core.sentences.english import CORE

TEXTS: Final = {
    **{f"sentence.{code}": text for code, text in CORE.items()},
    "sentence.retried": "{status}: {n}",
    "sentence.retried_with": "{status}: {n} ({reason})",
    "sentence.scopes": "Allows: {scopes}",
    "sentence.changed": "New: {fields}",
    "sentence.quoted": "“{text}”",
    "sentence.field.name": "name",
    "sentence.field.scheduled_at": "time",
    "sentence.field.held_until": "time to undo",
    "sentence.field.status": "state",
    "sentence.state.up": "that the account can send",
    "sentence.state.down": "that the account cannot send",
}
