"""Does in this process what a server would do: the engine and a worker, on a data directory."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

PIECE = 1024 * 1024


class LocalBackend:
    """The calls of :class:`host_litestar.cli.client.Client`, answered here."""

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
        with path.open("rb") as file:
            pieces: Iterator[bytes] = iter(partial(file.read, PIECE), b"")
            return self._broadcaster.uploads.save(pieces, filename=path.name)

    def preview(self, draft: Mapping[str, Any]) -> Preview:
        return self._broadcaster.preview(draft)

    def submit(self, draft: Mapping[str, Any], *, key: str) -> BroadcastSummary:
        return self._broadcaster.submit(draft, idempotency_key=key)

    def status(self, job_id: str) -> BroadcastProgress:
        return self._broadcaster.status(job_id)

    def messages(self, job_id: str, *, status: str, limit: int) -> list[MessageView]:
        return self._broadcaster.messages(job_id, status=MessageStatus(status), limit=limit).items
