"""The backend of ``send --local``: a broadcaster and a worker in this process."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
from wabroadcast_core.models.broadcast_test import Rehearsal
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

CHUNK_BYTES = 1024 * 1024


class LocalBackend:
    """Backend with the methods of :class:`host_litestar.cli.client.Client`, without a server."""

    def __init__(self, settings: Settings) -> None:
        logging.getLogger("wabroadcast_core").setLevel(logging.WARNING)
        self._broadcaster = Broadcaster(settings)
        self._worker = Worker(self._broadcaster)

    def __enter__(self) -> Self:
        self._broadcaster.start()
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.stop()
        self._broadcaster.close()

    def upload(self, path: Path) -> UploadView:
        """Store a file."""
        with path.open("rb") as file:
            chunks: Iterator[bytes] = iter(partial(file.read, CHUNK_BYTES), b"")
            return self._broadcaster.uploads.save(chunks, filename=path.name)

    def tags(self) -> list[str]:
        """Return the tags of the contact book."""
        return [tag.name for tag in self._broadcaster.tags.list()]

    def preview(self, draft: Mapping[str, Any]) -> Preview:
        """Preview a submit of this draft."""
        return self._broadcaster.preview(draft)

    def submit(self, draft: Mapping[str, Any], *, key: str) -> BroadcastSummary:
        """Submit a broadcast.

        :param key: the idempotency key.
        """
        return self._broadcaster.submit(draft, idempotency_key=key)

    def send_test(self, draft: Mapping[str, Any], test: Mapping[str, Any], *, key: str) -> MessageDetail:
        """Send one message of this draft to one number.

        :param test: the number, and the recipient for whom the text is rendered.
        :param key: the idempotency key.
        """
        return self._broadcaster.send_test(draft, test=test, idempotency_key=key)

    def test_result(self, test_id: str) -> MessageDetail:
        """Return the message of a test."""
        return self._broadcaster.test_result(test_id)

    def rehearse(self, draft: Mapping[str, Any], *, key: str) -> Rehearsal:
        """Submit a broadcast through the sandbox.

        :param key: the idempotency key.
        """
        return self._broadcaster.rehearse(draft, idempotency_key=key)

    def status(self, job_id: str) -> BroadcastProgress:
        """Return the progress of a broadcast."""
        return self._broadcaster.status(job_id)

    def messages(self, job_id: str, *, status: str, limit: int, with_rows: bool = False) -> list[MessageView]:
        """Return the first messages of a broadcast that have this status."""
        found = self._broadcaster.messages(job_id, status=MessageStatus(status), limit=limit, with_rows=with_rows)
        return found.items
