"""The hooks, which a plugin implements as functions."""

from collections.abc import Mapping, Sequence

from wabroadcast_core.hookspecs.contact_sources import ContactSource
from wabroadcast_core.hookspecs.markers import hookspec
from wabroadcast_core.hookspecs.senders import Sender
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.notices import FinishedMessage, MessageReceipt
from wabroadcast_core.models.receipt import Inbound


class Hooks:
    """The hooks, in the order in which a broadcast meets them.

    A plugin implements any of them, marked with :data:`hookimpl`. All plugins that implement a hook are called, in
    pluggy's order: use ``tryfirst`` and ``trylast``. An implementation may leave out arguments and be a wrapper. Hooks
    are plain functions, not coroutines. A call that takes longer than ``WABROADCAST_PLUGIN_SECONDS`` counts as failed.
    """

    @hookspec
    def wab_senders(self) -> Sequence[type[Sender]]:  # type: ignore[empty-body]  # a specification
        """Return the sender classes of this plugin.

        Called once in each process (web and worker), when the plugin manager is built, outside any transaction.

        :returns: the classes; if one is faulty, or has a kind of another plugin, this plugin is quarantined.
        :raises Exception: this plugin is quarantined: the process starts without it.
        """

    @hookspec
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:  # type: ignore[empty-body]  # a specification
        """Return the contact source classes of this plugin.

        Called once in each process (web and worker), when the plugin manager is built, outside any transaction.

        :returns: the classes; if one is faulty, or has a kind of another plugin, this plugin is quarantined.
        :raises Exception: this plugin is quarantined: the process starts without it.
        """

    @hookspec
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Return the numbers that must not be messaged, each with the reason.

        Called outside any transaction, on a thread: in the worker once per chunk while an audience is prepared, and
        again for the messages that are about to be sent; in the web process once per chunk of a preview. Before a
        send, an answer that takes longer than a tenth of a second may cost a connection some of its pace.

        :param numbers: distinct E.164 numbers: a chunk (``WABROADCAST_PREPARE_CHUNK``, by default at most 5,000) or
            the messages of one claim (``WABROADCAST_CLAIM_SIZE``, by default at most 1,000).
        :returns: reason by number, for the blocked numbers only, spelled as they are given; the results of all plugins
            are merged.
        :raises Exception: the chunk is not stored, or the messages are not sent, and it is tried again later. So a
            failing, hanging or quarantined plugin blocks rather than sends. A preview fails with its name.
        """

    @hookspec
    def wab_validate_numbers(self, numbers: Sequence[str], connection: str) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Return the numbers that cannot be messaged, each with the reason.

        Called outside any transaction, on a thread, once per chunk: in the worker while an audience is prepared, in
        the web process for a preview.

        :param numbers: distinct E.164 numbers of a chunk (``WABROADCAST_PREPARE_CHUNK``, by default at most 5,000).
        :param connection: the name of the connection; of the first one if the broadcast has a pool.
        :returns: reason by number, for the unusable numbers only; the results of all plugins are merged.
        :raises Exception: logged with the plugin's name; its result is left out. A hanging plugin blocks, as above.
        """

    @hookspec
    def wab_before_send(self, message: OutgoingMessage) -> None:
        """Inspect or change one rendered message immediately before it is sent.

        Called in the worker, on its event loop, outside any transaction, once for each attempt. The message has
        its slot already, so return at once. Not called for automatic replies.

        :param message: the rendered message; may be changed in place.
        :raises SendError: the attempt ends as if the sender had raised this.
        :raises Exception: logged with the plugin's name; the message is sent.
        """

    @hookspec
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        """Receive the messages that need no more work.

        Called in the worker, on a thread, after the outcomes were committed. The worker makes one call at a time, of
        at most a thousand messages. Some may be missing after a crash, or if plugins are slower than the sends: at most
        100,000 facts wait in a worker, and the log counts the others. Messages skipped by the preparation, cancelled
        ones and tests are not passed.

        :param results: messages that are now sent, failed, skipped or unknown, in the order in which they were stored.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_receipts(self, receipts: Sequence[MessageReceipt]) -> None:
        """Receive the facts that providers report of messages after the send: delivered, read, failed.

        Called in the worker, on a thread, after the commit. The worker makes one call at a time, of at most a
        thousand receipts. Each fact of a message is passed once; ``sent`` settles an unknown outcome. Some
        may be missing, as of :meth:`wab_messages_finished`. Those of tests are not passed.

        :param receipts: in the order in which they were stored.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        """Receive a broadcast that was submitted or changed.

        Called after a submit, pause, resume, cancel, retry and reschedule, and when the status changes by itself: at
        the start, at the end, and when it is paused automatically. It is called in the process that made the change
        (web or worker), on a thread, after the commit. The caller waits, so return quickly.

        :param broadcast: the broadcast with its present status; tests are not passed.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_inbound(self, message: Inbound, connection: str) -> None:
        """Receive a message that a person wrote to a connection.

        Called in the worker, on a thread, after the message was processed and an opt-out in it was committed.

        :param message: the person's message; its number is empty if the person hides it and nothing shows it.
        :param connection: the name of the connection that received it.
        :raises Exception: logged with the plugin's name.
        """
