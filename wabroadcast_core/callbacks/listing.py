"""The deliveries of callbacks, listed, and sent again by hand; the test of a receiver."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import RowMapping

from wabroadcast_core.audience.callback_address import address_faults
from wabroadcast_core.callbacks.bodies import address_of, event_id, event_key, type_of
from wabroadcast_core.callbacks.deliveries import NO_ADDRESS, NO_SECRET
from wabroadcast_core.callbacks.signature_test import run_signature_test
from wabroadcast_core.context import Context
from wabroadcast_core.errors import ConflictError, InvalidInputError, NotFoundError
from wabroadcast_core.models.base import DEFAULT_ACTOR, as_utc, parse_model
from wabroadcast_core.models.callback import CallbackDelivery, CallbackState, CallbackTest, CallbackTestDraft
from wabroadcast_core.models.page import Page
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import callbacks as callback_store


class Callbacks:
    """``broadcaster.callbacks``: the events that are sent to the main server, and what became of them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self, *, status: CallbackState | None = None, job_id: str | None = None, page: int = 1, page_size: int = 50
    ) -> Page[CallbackDelivery]:
        """Return a page of events, newest first.

        :param job_id: only those of one broadcast.
        :raises NotFoundError: no broadcast has this id.
        """
        with self._context.database.read() as conn:
            broadcast_id = None if job_id is None else broadcast_row(conn, job_id)["id"]
            offset = (page - 1) * page_size
            rows, total = callback_store.list_events(
                conn, state=status, broadcast_id=broadcast_id, offset=offset, limit=page_size
            )
        return Page(items=[self._shown(row) for row in rows], total=total, page=page, page_size=page_size)

    def retry(self, public_id: str, *, actor: str = DEFAULT_ACTOR) -> CallbackDelivery:
        """Send an event again, whether it was delivered, given up, or waits for its next try.

        Events of its broadcast that are older and pending go before it.

        :param public_id: the id of the event.
        :raises NotFoundError: no event has this id; those that ended long ago are deleted.
        """
        now = self._context.clock.now()
        key = event_key(public_id)
        with self._context.database.write() as conn:
            row = None if key is None else callback_store.find_event(conn, key)
            if key is None or row is None or event_id(row["job_id"], key) != public_id:
                raise NotFoundError("callback", public_id)
            callback_store.send_again(conn, row, now=now)
            audit_log.record_action(
                conn, action="callback", actor=actor, now=now, broadcast_id=row["broadcast_id"], detail=public_id
            )
            sent_again = callback_store.find_event(conn, key)
        return self._shown(sent_again or row)

    def test(self, draft: CallbackTestDraft | Mapping[str, Any] | None = None) -> CallbackTest:
        """Send an event of a test to a receiver, signed as all are; if it takes it, once more with a wrong signature.

        Nothing is stored, and no event of a broadcast waits for it.

        :param draft: which receiver; by default the one of the settings.
        :raises ConflictError: no address or no secret is set.
        :raises InvalidInputError: the address is not allowed.
        """
        chosen = parse_model(CallbackTestDraft, draft or {})
        settings = self._context.settings
        url = chosen.url or settings.callback_url
        if url is None or not settings.callback_secrets:
            raise ConflictError(NO_ADDRESS if url is None else NO_SECRET)
        if faults := list(address_faults(url, settings, path="url")):
            raise InvalidInputError(faults)
        now, shown = self._context.clock.now(), _without_query(str(url))
        with ThreadPoolExecutor(1) as thread:  # the caller may be on an event loop of its own
            return thread.submit(run_signature_test, settings, str(url), shown=shown, now=now).result()

    def _shown(self, row: RowMapping) -> CallbackDelivery:
        address = address_of(row, self._context.settings)
        is_pending = row["state"] == CallbackState.PENDING
        return CallbackDelivery(
            id=event_id(row["job_id"], row["id"]),
            type=type_of(row),
            job_id=row["job_id"],
            address=None if address is None else _without_query(address),
            status=row["state"],
            broadcast_status=row["status"],
            results=row["amount"],
            tries=row["tries"],
            created_at=as_utc(row["at"]),
            next_try_at=as_utc(row["due_at"]) if is_pending else None,
            ended_at=as_utc(row["ended_at"]),
            problem=row["problem"],
        )


def _without_query(url: str) -> str:
    """Return an address without what may be a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
