"""The broadcaster of a program with an event loop, which it never blocks."""

import asyncio
from typing import Final, Self

from wabroadcast_core.async_api.methods import AsyncPart, InThread, Iterated, Namespace, WithAudience
from wabroadcast_core.async_api.namespaces import (
    AsyncActivityLog,
    AsyncApiKeys,
    AsyncBlacklist,
    AsyncCallbacks,
    AsyncConnections,
    AsyncContacts,
    AsyncDrafts,
    AsyncLiveFeed,
    AsyncMetrics,
    AsyncQueries,
    AsyncSessions,
    AsyncTags,
    AsyncUploads,
)
from wabroadcast_core.async_api.threads import Threads, run_to_end
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

THREADS: Final = 16  # fewer than the database connections that one process may open


class AsyncBroadcaster(AsyncPart[Broadcaster]):
    """The methods of a :class:`Broadcaster` as coroutines, which run in threads of their own.

    Names, parameters, results and errors are the same. What a method returns as an iterator is an asynchronous
    iterator here; ``live.listen`` is one too. An iterable that is passed in is read in a thread. ``recipients``, and
    the chunks of an upload, may be an asynchronous iterable: the task of the caller reads it as fast as it is stored.

    A call that is cancelled while it waits for a thread is not made, and one that is cancelled while it reads an
    asynchronous iterable stores nothing. Any other call that has begun ends by itself in its thread, so give an
    ``idempotency_key`` to a submit that you may cancel and repeat.

    ``sync`` is the broadcaster itself, as :func:`webhook_app` takes it. It has no ``webhooks``, whose futures belong to
    threads: use :meth:`answer_webhook`.

    :param broadcaster: the broadcaster, or the settings to create one from. By default the settings come from the
        environment.
    :param work: also run a worker in this process. Otherwise run ``wabroadcast worker`` beside it.
    :param threads: the most calls that run at once; further ones wait. A quarter as many may read asynchronous
        iterables beside them.
    """

    def __init__(
        self, broadcaster: Broadcaster | Settings | None = None, *, work: bool = False, threads: int = THREADS
    ) -> None:
        sync = broadcaster if isinstance(broadcaster, Broadcaster) else Broadcaster(broadcaster)
        super().__init__(sync, Threads(threads))
        self.reasons = sync.reasons  # in memory
        self._worker = Worker(sync) if work else None

    # --- start and close ---------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Start the broadcaster, and the worker if there is to be one. If this is cancelled, both are closed again.

        :raises SetupError: this installation cannot start as it is configured.
        :raises UnavailableError: the store cannot be reached.
        """
        self.threads.open()
        try:
            await run_to_end(self.threads.run(self._start))
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Wait for the calls that are running, stop the worker, and close the broadcaster."""
        await run_to_end(asyncio.to_thread(self._close))

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self) -> None:
        self.sync.start()
        if self._worker is not None:
            self._worker.start()

    def _close(self) -> None:
        self.threads.close()
        if self._worker is not None:
            self._worker.stop()
        self.sync.close()

    # --- namespaces --------------------------------------------------------------------------------------------

    connections = Namespace(AsyncConnections)
    contacts = Namespace(AsyncContacts)
    tags = Namespace(AsyncTags)
    blacklist = Namespace(AsyncBlacklist)
    uploads = Namespace(AsyncUploads)
    drafts = Namespace(AsyncDrafts)
    queries = Namespace(AsyncQueries)
    callbacks = Namespace(AsyncCallbacks)
    metrics = Namespace(AsyncMetrics)
    api_keys = Namespace(AsyncApiKeys)
    activity = Namespace(AsyncActivityLog)
    sessions = Namespace(AsyncSessions)
    live = Namespace(AsyncLiveFeed)

    # --- broadcasts --------------------------------------------------------------------------------------------

    submit = WithAudience(Broadcaster.submit)
    preview = WithAudience(Broadcaster.preview)
    send_test = WithAudience(Broadcaster.send_test)
    test_result = InThread(Broadcaster.test_result)
    cancel_test = InThread(Broadcaster.cancel_test)
    rehearse = WithAudience(Broadcaster.rehearse)
    list = InThread(Broadcaster.list)
    index = InThread(Broadcaster.index)
    inspect = InThread(Broadcaster.inspect)
    get = InThread(Broadcaster.get)
    status = InThread(Broadcaster.status)
    messages = InThread(Broadcaster.messages)
    message = InThread(Broadcaster.message)
    messages_to = InThread(Broadcaster.messages_to)
    report = Iterated(Broadcaster.report)
    rates = InThread(Broadcaster.rates)
    overview = InThread(Broadcaster.overview)
    running = InThread(Broadcaster.running)
    running_progress = InThread(Broadcaster.running_progress)
    batches = InThread(Broadcaster.batches)
    pause = InThread(Broadcaster.pause)
    resume = InThread(Broadcaster.resume)
    cancel = InThread(Broadcaster.cancel)
    retry = InThread(Broadcaster.retry)
    reschedule = InThread(Broadcaster.reschedule)
    undo = InThread(Broadcaster.undo)
    pause_message = InThread(Broadcaster.pause_message)
    resume_message = InThread(Broadcaster.resume_message)
    cancel_message = InThread(Broadcaster.cancel_message)
    answer_webhook = InThread(Broadcaster.answer_webhook)
    check = InThread(Broadcaster.check)
    has_due_work = InThread(Broadcaster.has_due_work)
