"""The test of a connection outside of any worker, on an event loop of its own."""

import asyncio

from wabroadcast_core.context import Context
from wabroadcast_core.errors import SendError, words_of
from wabroadcast_core.hookspecs import ChecksConnection, Sender
from wabroadcast_core.models.connection import ConnectionTest
from wabroadcast_core.plugin_faults import LOOP_ENDS
from wabroadcast_core.plugins.answer_checks import fault_of_event
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_senders, make_sender


async def probe(context: Context, snapshot: ConnectionSnapshot, *, within: float) -> ConnectionTest:
    """Request the state of the account from a connection's provider, without sending.

    :param within: seconds after which the state is unknown.
    """
    try:
        return await asyncio.wait_for(_probe(context, snapshot), within)
    except TimeoutError:
        return ConnectionTest(state="unknown", reason=say("test_silent", seconds=within))


async def _probe(context: Context, snapshot: ConnectionSnapshot) -> ConnectionTest:
    """Request the state of the account.

    :returns: the state that the provider reports. A failure is a result too, with its reason: ``down`` if the sender
        raised a SendError, ``unknown`` after any other exception.
    """
    client = context.async_redis()
    contexts = SenderContexts(
        context.database, client, context.keys, is_allowed=context.settings.provider_addresses.allow
    )
    try:
        sender_context = contexts.context_for(snapshot, receive=lambda _key, _events: None)
        return await _check(make_sender(context.plugins, context.vault, snapshot, sender_context))
    except SendError as error:
        return ConnectionTest(state="down", reason=words_of(error))
    except LOOP_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001 - shown to the operator who tests the connection
        name = type(error).__name__
        return ConnectionTest(state="unknown", reason=say("test_failed", sender=snapshot.sender, error=name))
    finally:
        await contexts.close()
        await client.aclose()


async def _check(sender: Sender) -> ConnectionTest:
    try:
        if not isinstance(sender, ChecksConnection):
            return ConnectionTest(state="unknown", reason=say("test_impossible", sender=sender.kind))
        event = await sender.check_connection()
        if (fault := fault_of_event(event)) is not None:
            return ConnectionTest(state="unknown", reason=say("test_failed", sender=sender.kind, error=fault))
        return ConnectionTest(state=event.state, reason=event.reason or say("test_reported", state=event.state))
    finally:
        await close_senders([sender])
