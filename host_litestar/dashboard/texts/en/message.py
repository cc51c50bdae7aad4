"""What the page of one message says."""

from typing import Final

TEXTS: Final = {
    "message.erased": "An erased person",
    "message.cancel": "Cancel this message",
    "message.cancel.text": "{number} will never get this message.",
    "message.paused": "This message is paused.",
    "message.resumed": "This message goes on.",
    "message.cancelled": "This message is cancelled.",
    "message.to_person": "To the person",
    "message.steps": "The way of the message",
    "message.steps.none": "Not sent yet.",
    "message.attempts": "Attempts, with the provider's answers",
    "message.attempt": "Attempt {n}",
    "message.times": "{n} times, the last at {time}",
    "message.answer": "Answer",
    "message.outcome.accepted": "Accepted by WhatsApp.",
    "message.outcome.retry": "Not accepted; it will be tried again.",
    "message.outcome.failed": "Refused.",
    "message.outcome.unknown": "No answer came back.",
    "message.receipts": "Receipts",
    "message.facts": "Facts",
    "message.provider_id": "WhatsApp's id",
    "message.support": "All for support",
}
