"""The preview of a draft: what is unfinished is left out, so that its people are counted while it is written."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wabroadcast_core.audience.preview import PreviewBuilder
from wabroadcast_core.audience.submission import Submission
from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault, FileError, InvalidInputError, NotFoundError, SourceError, TemplateError
from wabroadcast_core.models.draft import DraftFault, DraftView
from wabroadcast_core.models.draft_preview import DraftPreview
from wabroadcast_core.models.preview import PeoplePreview
from wabroadcast_core.sentences import joined, sentence_of
from wabroadcast_core.store import connections as connection_store

_PLACEHOLDER: Final = {"type": "text", "text": "-"}
_AUDIENCE: Final = {"source", "recipients"}
_MOST_TRIES = 3


class DraftPreviews:
    """Makes previews of drafts.

    :param seconds: the longest time to read an audience.
    """

    def __init__(self, context: Context, submission: Submission, *, seconds: float) -> None:
        self._context = context
        self._builder = PreviewBuilder(context, submission)
        self._seconds = seconds

    def of(self, draft: DraftView, *, place: int, reason: str | None) -> DraftPreview:
        """Return the preview of a draft.

        :param place: of the person who is chosen, from 1.
        :param reason: of the people who are listed; None: no list.
        """
        found = DraftPreview(faults=list(draft.faults))
        fields = draft.broadcast.model_dump(mode="json", exclude_none=True)
        people = fields.pop("recipients", None)
        faulty = _heads(draft.faults) - ({"recipients"} if people is not None else set())
        values = self._complete(fields, faulty)
        if faulty & _AUDIENCE:
            found.unreadable = _unreadable(found.faults)
            return found
        for _ in range(_MOST_TRIES):
            try:
                found.people = self._read(values, people, place=place, reason=reason)
            except InvalidInputError as error:
                new = [*map(DraftFault.of, error.faults)]
                found.faults += new
                if _heads(new) & _AUDIENCE:
                    found.unreadable = _unreadable(new)
                    break
                values = self._complete(values, _heads(new))
            except TemplateError as error:
                found.faults.append(DraftFault.of(Fault("message", sentence_of(error))))
                values = self._complete(values, {"message"})
            except (SourceError, FileError, NotFoundError) as error:
                found.unreadable = sentence_of(error)
                break
            else:
                break
        found.has_message = values["message"] != _PLACEHOLDER
        return found

    def _read(
        self, values: Mapping[str, Any], people: Sequence[Mapping[str, Any]] | None, *, place: int, reason: str | None
    ) -> PeoplePreview:
        return self._builder.build_with_people(values, people, seconds=self._seconds, place=place, reason=reason)

    def _complete(self, values: Mapping[str, Any], faulty: set[str]) -> dict[str, Any]:
        """Return fields without those that are faulty; in the place of those that a preview needs stands something."""
        kept = {name: value for name, value in values.items() if name not in faulty}
        if "connection" in faulty and (name := self._first_connection()) is not None:
            kept["connection"] = name
        return {"name": "-", "message": _PLACEHOLDER, **kept}

    def _first_connection(self) -> str | None:
        with self._context.database.read() as conn:
            rows = connection_store.list_connections(conn)
        return rows[0]["name"] if rows else None


def _heads(faults: Iterable[DraftFault]) -> set[str]:
    return {fault.path.partition(".")[0] for fault in faults}


def _unreadable(faults: Sequence[DraftFault]) -> str | None:
    found = [fault.message for fault in faults if fault.path.partition(".")[0] == "source"]
    return functools.reduce(joined, found) if found else None
