"""The senders that verify webhook calls in the web process, and what else they do with a call."""

import asyncio
import logging
from dataclasses import dataclass

from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConnectionDown, NotFoundError, UnavailableError, WebhookRefusedError
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.inbound.kept_calls import KeepsCalls, kept_call
from wabroadcast_core.inbound.shared_webhooks import SharesWebhook
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_senders, make_sender

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Verifier:
    """The sender of a connection, and what it can do: looked up once, because each call needs it."""

    revision: int
    sender: ParsesWebhooks
    keeping: KeepsCalls | None
    sharing: SharesWebhook | None


class Verifiers:
    """The senders that verify calls: one for each connection, made again when the connection changes.

    For one thread. The senders make no requests here; the event loop is only needed to create them.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._contexts = SenderContexts(context.database, context.async_redis(), context.keys)  # makes no requests
        self._verifiers: dict[int, _Verifier] = {}  # by connection id

    def verify(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> str | None:
        """Check that a call comes from the connection's provider.

        :returns: the text to answer a handshake with; None for any other call.
        :raises NotFoundError: the sender accepts no webhook calls.
        :raises WebhookRefusedError: the call does not come from the provider.
        :raises UnavailableError: the sender cannot be made.
        """
        return self._verifier_of(snapshot).sender.verify_webhook(request)

    def kept_call(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> WebhookRequest:
        """Return what is stored of a call that was verified for a connection, without its proof.

        A sender that fails here must not keep the other calls from being stored.
        """
        keeping = self._verifier_of(snapshot).keeping
        if keeping is not None:
            try:
                return keeping.kept_call(request)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the call is stored
                log.error(  # noqa: TRY400 - the error's text may hold anything
                    "connection %s: its sender failed to reduce a webhook call; its body is kept: %s",
                    snapshot.name,
                    describe_fault(error),
                )
        return kept_call(request)

    def is_shared(self, snapshot: ConnectionSnapshot) -> bool:
        """Return whether the provider of a connection that was verified may call it with the news of others."""
        return self._verifier_of(snapshot).sharing is not None

    def concerns(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> bool:
        """Return whether a call to another connection's address is proven news of this connection.

        A connection whose sender fails here must not keep the call from the others.
        """
        try:
            sharing = self._verifier_of(snapshot).sharing
            if sharing is None or not sharing.concerned_by(request):
                return False
            sharing.verify_webhook(request)
        except WebhookRefusedError:
            return False  # of another app
        except BaseException as error:  # noqa: BLE001 - a bug of the sender, or its settings are broken
            name, fault = snapshot.name, describe_fault(error)
            log.warning("connection %s: a call to another address cannot be verified for it: %s", name, fault)
            return False
        return True

    def close(self) -> None:
        """Close the senders, their contexts and the event loop."""
        self._loop.run_until_complete(close_senders(known.sender for known in self._verifiers.values()))
        self._loop.run_until_complete(self._contexts.close())
        self._loop.close()

    def _verifier_of(self, snapshot: ConnectionSnapshot) -> _Verifier:
        known = self._verifiers.get(snapshot.id)
        if known is not None and known.revision == snapshot.revision:
            return known
        verifier = self._verifiers[snapshot.id] = self._make(snapshot)
        if known is not None:
            self._loop.run_until_complete(close_senders([known.sender]))
        return verifier

    def _make(self, snapshot: ConnectionSnapshot) -> _Verifier:
        try:
            sender = self._loop.run_until_complete(self._make_sender(snapshot))
        except ConnectionDown as error:
            raise UnavailableError(f"the sender of connection {snapshot.name!r} cannot be made: {error}") from error
        if not isinstance(sender, ParsesWebhooks):
            raise NotFoundError("webhook of connection", snapshot.name, hint="its sender accepts no webhook calls")
        return _Verifier(
            snapshot.revision,
            sender,
            keeping=sender if isinstance(sender, KeepsCalls) else None,
            sharing=sender if isinstance(sender, SharesWebhook) else None,
        )

    async def _make_sender(self, snapshot: ConnectionSnapshot) -> object:
        context = self._contexts.context_for(snapshot, receive=lambda _key, _events: None)
        return make_sender(self._context.plugins, self._context.vault, snapshot, context)
