"""Values of sentences that are codes, and the words of others inside of sentences."""

from typing import Final

TEXTS: Final = {
    "words.quoted": "“{text}”",
    "words.field.name": "name",
    "words.field.scheduled_at": "time",
    "words.field.held_until": "time to undo",
    "words.field.status": "state",
    "words.state.up": "that the account can send",
    "words.state.down": "that the account cannot send",
}
