"""Asking a provider about an account outside of any worker, on an event loop of its own."""

from wabroadcast_core.context import Context
from wabroadcast_core.errors import SendError
from wabroadcast_core.hookspecs import ChecksConnection, Sender
from wabroadcast_core.models.connection import ConnectionTest
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_sender, make_sender


async def probe(context: Context, snapshot: ConnectionSnapshot) -> ConnectionTest:
    """What the provider says of the account; whatever goes wrong is an answer too."""
    client = context.async_redis()
    lending = SenderContexts(context.database, client, context.keys)
    try:
        lent = lending.context_for(snapshot, receive=lambda _key, _news: None)
        return await _ask(make_sender(context.plugins, context.vault, snapshot, lent))
    except SendError as error:
        return ConnectionTest(state="down", reason=str(error))
    except Exception as error:  # noqa: BLE001 - a bug of a plugin, told to whoever tests the connection
        return ConnectionTest(state="unknown", reason=f"its sender failed: {type(error).__name__}")
    finally:
        await lending.close()
        await client.aclose()


async def _ask(sender: Sender) -> ConnectionTest:
    try:
        if not isinstance(sender, ChecksConnection):
            return ConnectionTest(state="unknown", reason=f"a {sender.kind} connection cannot be asked")
        found = await sender.check_connection()
        return ConnectionTest(state=found.state, reason=found.reason or "the provider says so")
    finally:
        await close_sender(sender)
