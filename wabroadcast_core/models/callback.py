"""Callbacks: what they report, how they are signed, and their deliveries as they are shown."""

import base64
import binascii
from datetime import datetime
from enum import StrEnum

from pydantic import Field, HttpUrl

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.sentences import Sentence

SECRET_PREFIX = "whsec_"  # noqa: S105 - of every secret, as Standard Webhooks has it
LEAST_SECRET, LONGEST_SECRET = 24, 64  # bytes
SECRET_BYTES = 32  # of a new secret
CALLBACK_TEST = "callback.test"  # the type of the event of a test


class CallbackEvent(StrEnum):
    """What callbacks report."""

    BROADCAST_CHANGED = "broadcast.changed"  # a broadcast has a new status
    MESSAGE_RESULTS = "message.results"  # messages were sent, failed, delivered, …; many in one event


class CallbackState(StrEnum):
    """Whether an event was delivered."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


class MessageResult(Model):
    """A message with its present result, as callbacks report it."""

    message_id: str = Field(description="The id of the message.")
    number: str | None = Field(description="null after an erasure of the person.")
    status: MessageStatus = Field(description="The status at the time of the call.")
    reason: str | None = Field(description="Why it has this status; `GET /reasons` explains.")
    connection: str | None = Field(description="The connection that sent it last.")
    provider_id: str | None = Field(description="The provider's id of the message.")
    attempts: int = Field(description="Number of attempts.")
    sent_at: datetime | None = Field(description="When the provider took it.")
    delivered_at: datetime | None = Field(description="When it was delivered.")
    read_at: datetime | None = Field(description="When it was read.")


class CallbackDelivery(Model):
    """An event and its delivery."""

    id: str = Field(description="The event's id, which its receiver gets in the header `webhook-id`.")
    type: CallbackEvent = Field(description="What the event reports.")
    job_id: str = Field(description="The id of the broadcast.")
    address: str | None = Field(description="Where it is sent to, without the query; null if no address is set.")
    status: CallbackState = Field(description="Whether it waits, was delivered, or was given up after a day.")
    broadcast_status: BroadcastStatus | None = Field(
        description="The status that the event reports; null: it reports results."
    )
    results: int = Field(description="Number of messages whose results the event reports.")
    tries: int = Field(description="How often it was sent, or is being sent now.")
    created_at: datetime = Field(description="When the change happened that it reports.")
    next_try_at: datetime | None = Field(description="When it is tried next, after those before it; null at its end.")
    ended_at: datetime | None = Field(description="When it was delivered or given up.")
    problem: Said | None = Field(description="Why the last try failed, and what to do.")


class CallbackTestDraft(Model):
    """Which receiver to test."""

    url: HttpUrl | None = Field(
        None, max_length=2_000, description="Its address; by default that of `WABROADCAST_CALLBACK_URL`."
    )


class CallbackTest(Model):
    """How a receiver answered to a test. What was signed is shown, so that a signature can be computed again."""

    id: str = Field(description="The id of the event, in the header `webhook-id`.")
    address: str = Field(description="Where it was sent to, without the query.")
    delivered: bool = Field(description="Whether the receiver took the event that is signed.")
    verifies_signature: bool | None = Field(
        description="Whether it refused the same event with a wrong signature; null: that could not be found out."
    )
    seconds: float = Field(description="How long it took until the receiver answered.")
    problem: Said | None = Field(description="What is wrong with the receiver, and what to do; null: nothing.")
    headers: dict[str, str] = Field(description="The headers of the event: id, timestamp and signature.")
    body: str = Field(description="The body of the event, as it was signed.")


def parse_secret(secret: str) -> bytes:
    """Return the bytes of a secret in the form of Standard Webhooks.

    :raises ValueError: it has another form.
    """
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if encoded == secret or not LEAST_SECRET <= len(content) <= LONGEST_SECRET:
        text = "the secret is not {prefix} and {least} to {most} bytes in base64: make one with `{command}`"
        command = f'echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'
        sizes = {"least": LEAST_SECRET, "most": LONGEST_SECRET}
        raise ValueError(Sentence("no_callback_secret", text, prefix=SECRET_PREFIX, command=command, **sizes))
    return content
