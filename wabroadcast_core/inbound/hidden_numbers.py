"""Whose message it is: the numbers of people whom a provider names by an id of WhatsApp alone.

Such an id is known from an answer to a send, from a receipt of a message that we sent, or from an event that had both.
A reply to a message of ours shows it too.
"""

from collections.abc import Sequence
from dataclasses import replace

from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store.group_commit import UnitOfWork


def fill_in_numbers(unit: UnitOfWork, connection_id: int, messages: Sequence[Inbound]) -> list[Inbound]:
    """Return the messages, each with its person's number where that can be known, and store what they show."""
    named = {message.wa_id: message.number for message in messages if message.wa_id and message.number}
    identity_store.note_identities(unit.conn, named)
    hidden = [message for message in messages if not message.number]
    if not hidden:
        return list(messages)
    known = identity_store.numbers_of(unit.conn, {message.wa_id for message in hidden if message.wa_id})
    sent_to = receipt_store.numbers_by_provider_id(
        unit.conn, {message.reply_to for message in hidden if message.reply_to}, connection_id=connection_id
    )
    shown = {
        message.wa_id: sent_to[message.reply_to]
        for message in hidden
        if message.wa_id and message.wa_id not in known and message.reply_to in sent_to
    }
    identity_store.note_identities(unit.conn, shown)
    return [message if message.number else _with_number(message, known | shown, sent_to) for message in messages]


def _with_number(message: Inbound, by_id: dict[str, str], sent_to: dict[str, str]) -> Inbound:
    number = by_id.get(message.wa_id or "") or sent_to.get(message.reply_to or "")
    return replace(message, number=number) if number else message
