"""The namespaces of an asynchronous broadcaster. A test checks that no method of a namespace is missing here."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable
from functools import partial

from wabroadcast_core.async_api.methods import AsyncPart, InThread, Iterated, WithAudience
from wabroadcast_core.audience.inline_recipients import AnyRecipient
from wabroadcast_core.callbacks.listing import Callbacks
from wabroadcast_core.live.feed import LiveFeed
from wabroadcast_core.live.listeners import LiveEvent
from wabroadcast_core.models.base import DEFAULT_ACTOR
from wabroadcast_core.models.draft import DraftView
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.services.activity import ActivityLog
from wabroadcast_core.services.api_keys import ApiKeys
from wabroadcast_core.services.blacklist import Blacklist
from wabroadcast_core.services.connections import Connections
from wabroadcast_core.services.contacts import Contacts
from wabroadcast_core.services.drafts import Draft, Drafts
from wabroadcast_core.services.metrics import Metrics
from wabroadcast_core.services.queries import Queries
from wabroadcast_core.services.sessions import Sessions
from wabroadcast_core.services.tags import Tags
from wabroadcast_core.services.uploads import Uploads


class AsyncConnections(AsyncPart[Connections]):
    """``connections``, with coroutines."""

    list = InThread(Connections.list)
    get = InThread(Connections.get)
    kinds = InThread(Connections.kinds)
    save = InThread(Connections.save)
    delete = InThread(Connections.delete)
    set_default = InThread(Connections.set_default)
    pause = InThread(Connections.pause)
    resume = InThread(Connections.resume)
    test = InThread(Connections.test)
    page = InThread(Connections.page)
    choices = InThread(Connections.choices)
    details = InThread(Connections.details)
    waiting = InThread(Connections.waiting)
    default_limits = InThread(Connections.default_limits)


class AsyncContacts(AsyncPart[Contacts]):
    """``contacts``, with coroutines."""

    list = InThread(Contacts.list)
    get = InThread(Contacts.get)
    save = InThread(Contacts.save)
    upsert = InThread(Contacts.upsert)
    delete = InThread(Contacts.delete)
    erase = InThread(Contacts.erase)
    import_file = InThread(Contacts.import_file)
    import_result = InThread(Contacts.import_result)
    import_report = InThread(Contacts.import_report)
    import_errors = Iterated(Contacts.import_errors)
    export = Iterated(Contacts.export)


class AsyncTags(AsyncPart[Tags]):
    """``tags``, with coroutines."""

    list = InThread(Tags.list)
    rename = InThread(Tags.rename)
    merge = InThread(Tags.merge)
    delete = InThread(Tags.delete)
    tag_contacts = InThread(Tags.tag_contacts)


class AsyncBlacklist(AsyncPart[Blacklist]):
    """``blacklist``, with coroutines."""

    list = InThread(Blacklist.list)
    add = InThread(Blacklist.add)
    add_many = InThread(Blacklist.add_many)
    add_file = InThread(Blacklist.add_file)
    history = InThread(Blacklist.history)
    entries = InThread(Blacklist.entries)
    last_messages = InThread(Blacklist.last_messages)
    remove = InThread(Blacklist.remove)


class AsyncUploads(AsyncPart[Uploads]):
    """``uploads``, with coroutines."""

    get = InThread(Uploads.get)
    delete = InThread(Uploads.delete)

    async def save(
        self,
        chunks: Iterable[bytes] | AsyncIterable[bytes],
        *,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> UploadView:
        """Stream a file into the store. If the stream breaks off, nothing is stored.

        :param chunks: the bytes of the file, in pieces: also an asynchronous iterable, such as the body of a request.
        :raises UnavailableError: the store cannot be reached.
        """
        save = partial(self.sync.save, filename=filename, content_type=content_type)
        return await self.threads.run_reading(save, chunks, block=1)


class AsyncDrafts(AsyncPart[Drafts]):
    """``drafts``, with coroutines."""

    create = WithAudience(Drafts.create)
    list = InThread(Drafts.list)
    get = InThread(Drafts.get)
    delete = InThread(Drafts.delete)
    submit = InThread(Drafts.submit)
    copy = InThread(Drafts.copy)
    count = InThread(Drafts.count)
    preview = InThread(Drafts.preview)
    precedents = InThread(Drafts.precedents)

    async def save(
        self,
        draft_id: str,
        draft: Draft,
        recipients: Iterable[AnyRecipient] | AsyncIterable[AnyRecipient] | None = None,
        *,
        versions: Collection[int],
        actor: str = DEFAULT_ACTOR,
    ) -> DraftView:
        """Replace a draft as a whole.

        :param recipients: the inline audience, if there is one; it may be an asynchronous iterable.
        :param versions: those that may be replaced: as a rule the one that was read. Or :data:`ANY_VERSION`.
        :raises NotFoundError: no draft has this id.
        :raises VersionConflictError: it has another version; the error has both.
        :raises ConflictError: it was submitted.
        :raises InvalidInputError: a field is unknown or of a wrong type, or a recipient is not valid.
        """
        save = partial(self.sync.save, draft_id, draft, versions=versions, actor=actor)
        return await self.threads.run_reading(save, recipients)


class AsyncQueries(AsyncPart[Queries]):
    """``queries``, with coroutines."""

    list = InThread(Queries.list)


class AsyncApiKeys(AsyncPart[ApiKeys]):
    """``api_keys``, with coroutines."""

    create = InThread(ApiKeys.create)
    list = InThread(ApiKeys.list)
    revoke = InThread(ApiKeys.revoke)


class AsyncActivityLog(AsyncPart[ActivityLog]):
    """``activity``, with coroutines."""

    list = InThread(ActivityLog.list)
    export = Iterated(ActivityLog.export)


class AsyncSessions(AsyncPart[Sessions]):
    """``sessions``, with coroutines."""

    begin = InThread(Sessions.begin)
    find = InThread(Sessions.find)
    end = InThread(Sessions.end)


class AsyncCallbacks(AsyncPart[Callbacks]):
    """``callbacks``, with coroutines."""

    list = InThread(Callbacks.list)
    retry = InThread(Callbacks.retry)
    test = InThread(Callbacks.test)


class AsyncMetrics(AsyncPart[Metrics]):
    """``metrics``, with coroutines."""

    read = InThread(Metrics.read)


class AsyncLiveFeed(AsyncPart[LiveFeed]):
    """``live``, as asynchronous iterators."""

    async def listen(self, job_id: str | None = None, *, last_version: str | None = None) -> AsyncIterator[LiveEvent]:
        """Yield what is shown of a broadcast, or of all that runs, whenever it has changed; the first event at once.

        A reader that is slow gets the latest event, and not those before it.

        :param job_id: the broadcast; None for all that runs.
        :param last_version: the version that the reader has already, so that it need not get it again.
        :raises NotFoundError: no broadcast has this id.
        :raises UnavailableError: the store cannot be reached.
        """
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        listener = await self.threads.run(self.sync.listen, job_id, wake=wake, last_version=last_version)
        try:
            while True:
                news.clear()
                if (event := listener.take()) is not None:
                    yield event
                if listener.has_ended:
                    return
                await news.wait()
        finally:
            listener.close()

    stop = InThread(LiveFeed.stop)
