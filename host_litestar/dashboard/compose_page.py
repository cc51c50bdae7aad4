"""What the pages of a draft show: its people, how its file was understood, its message, and what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from host_litestar.dashboard.choices import FIRST_ZONES, zones
from host_litestar.dashboard.compose_form import FILE_TYPES, IGNORED, Shown, shown_draft
from host_litestar.dashboard.file_upload import find_upload
from host_litestar.dashboard.forms import read_digits
from host_litestar.dashboard.view import View
from wabroadcast_core.errors import Fault, UncheckedError
from wabroadcast_core.models.connection import ConnectionChoice, ConnectionView
from wabroadcast_core.models.draft import DraftBody, DraftView
from wabroadcast_core.models.draft_preview import DraftPreview
from wabroadcast_core.models.preview import PeoplePreview, PlacedPreview, PreviewColumn
from wabroadcast_core.models.reason import Reason
from wabroadcast_core.models.slug import make_slug

LOOK_SECONDS: Final = 2.0  # for the audience of a page that is shown at each pause of typing
MOST_COLUMNS: Final = 30  # of a file that are shown
MOST_CHOICES: Final = 100
PERSONS: Final = ("longest", "emptiest")
_EMPTY: Final = DraftPreview(faults=[])
_ZONE_NAMES: Final = dict(zip(FIRST_ZONES, ("WIB", "WITA", "WIT"), strict=True))
_BESIDE: Final = frozenset({"number", "name"})


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A column of a file, with what it may mean."""

    place: int
    column: PreviewColumn
    chosen: str
    variable: str


@dataclass(frozen=True, slots=True)
class DraftLook:
    """A draft with its preview, as the pages show it.

    :param person: whose message is shown: a place, ``longest`` or ``emptiest``.
    :param away: why its people are not known: a blacklist or a validator failed; None: it did not.
    """

    draft: DraftView | None
    shown: Shown
    preview: DraftPreview
    person: str = "1"
    away: UncheckedError | None = None

    @property
    def body(self) -> DraftBody:
        """The fields of the draft."""
        return DraftBody() if self.draft is None else self.draft.broadcast

    @property
    def people(self) -> PeoplePreview | None:
        """The people of the draft; None if there is no audience that can be read."""
        return self.preview.people

    @property
    def sendable(self) -> int:
        """How many people get a message."""
        return self.preview.sendable

    @property
    def bubble(self) -> PlacedPreview | None:
        """The message that is shown; None if there is none yet."""
        if self.people is None or not self.preview.has_message:
            return None
        found: PlacedPreview | None = getattr(self.people, self.person if self.person in PERSONS else "chosen")
        return found

    @property
    def longest_text(self) -> int | None:
        """The most characters that the tightest connection sends."""
        limits = [] if self.people is None else self.people.limits
        return min((limit.text_length for limit in limits), default=None)

    def faults(self) -> list[Fault]:
        """Return what is wrong in the parts that are written: what is still missing is said at the review."""
        given = self.body.model_dump(mode="json", exclude_none=True).keys()
        found = {(fault.path, fault.message) for fault in self.preview.faults}
        return [Fault(path, message) for path, message in sorted(found) if path.partition(".")[0] in given]

    def variables(self) -> Iterator[tuple[str, int]]:
        """Yield the variables that the audience offers, each with the number of rows without it."""
        offered: Mapping[str, int] = {} if self.people is None else self.people.offered
        yield from ((name, 0) for name in ("name", "number") if self.people is not None and name not in offered)
        yield from sorted(offered.items())

    def columns(self) -> list[ColumnChoice]:
        """Return the columns of the file, with what each may mean."""
        found = [] if self.people is None else self.people.columns[:MOST_COLUMNS]
        return [
            ColumnChoice(place, column, self.shown(f"column.{place}"), _variable_of(place, column))
            for place, column in enumerate(found, start=1)
        ]


def _variable_of(place: int, column: PreviewColumn) -> str:
    slug = make_slug(column.title)
    return slug if slug and slug not in _BESIDE else f"column_{place}"


def look_at(view: View, draft: DraftView, *, person: str, shown: Shown | None = None) -> DraftLook:
    """Return a draft with its preview.

    :param shown: the values of the form; by default those of the draft.
    """
    place = read_digits(person, most=9) or 1
    shown = shown or shown_draft(draft.broadcast, zone=view.choices.zone)
    try:
        preview = view.broadcaster.drafts.preview(draft, seconds=LOOK_SECONDS, place=place)
    except UncheckedError as error:
        return DraftLook(draft, shown, DraftPreview(faults=draft.faults), person, away=error)
    return DraftLook(draft, shown, preview, person)


def new_look(view: View, shown: Shown | None = None) -> DraftLook:
    """Return what a page without a draft shows."""
    return DraftLook(None, shown or shown_draft(DraftBody(), zone=view.choices.zone), _EMPTY)


def page_values(view: View, look: DraftLook) -> dict[str, Any]:
    """Return what the template of a draft needs beside the draft: all that can be chosen."""
    connections = _connections(view, look.shown)
    return {
        **part_values(view, look),
        "connections": connections,
        "unofficial": unofficial(view, connections),
        "tags": _tags(view, look.shown),
        "queries": view.broadcaster.queries.list(),
        "zones": _zones(view, look.shown("zone")),
    }


def part_values(view: View, look: DraftLook) -> dict[str, Any]:
    """Return what the parts of the page need that are renewed after each save."""
    message, source = look.body.message or {}, look.body.source or {}
    media = message.get("media")
    return {
        "look": look,
        "draft": look.draft,
        "shown": look.shown,
        "file": find_upload(view, source.get("uploadId")) if source.get("type") in FILE_TYPES else None,
        "media": find_upload(view, media.get("uploadId")) if isinstance(media, dict) else None,
        "ignored": IGNORED,
        "away": _reason_of(view, look.away),
        "left_out": left_out(view, look.people),
    }


def _reason_of(view: View, error: UncheckedError | None) -> Reason | None:
    """Return what the code of an error means and what to do."""
    return None if error is None else view.broadcaster.reasons.explain(error.code, language=view.choices.language)


def left_out(view: View, people: PeoplePreview | None) -> list[tuple[str, str]]:
    """Return the reasons for which people are left out, each with its number in words."""
    found = {} if people is None else people.skipped_by
    return [(reason, view.t(f"compose.left_out.{reason}", n=amount)) for reason, amount in found.items()]


def unofficial(view: View, connections: Sequence[ConnectionChoice | ConnectionView]) -> set[str]:
    """Return the names of the connections whose use may cost the number."""
    senders = view.broadcaster.plugins.senders
    return {one.name for one in connections if one.sender in senders and senders[one.sender].capabilities.ban_risk}


def _connections(view: View, shown: Shown) -> list[ConnectionChoice]:
    """Return the connections that can be chosen: the first ones, and those that the draft has."""
    known = view.broadcaster.connections.choices()
    return [one for place, one in enumerate(known) if place < MOST_CHOICES or shown.has("connection", one.name)]


def _tags(view: View, shown: Shown) -> list[tuple[str, int | None]]:
    """Return the tags with their contacts: the first ones, and those that the draft has."""
    known = [(tag.name, tag.contacts) for tag in view.broadcaster.tags.list()[:MOST_CHOICES]]
    names = {name for name, _ in known}
    chosen = [*shown.texts.get("tags", ()), *shown.texts.get("except", ())]
    return [*known, *((name, None) for name in dict.fromkeys(chosen) if name not in names)]


def _zones(view: View, chosen: str) -> list[tuple[str, str]]:
    """Return the time zones with their names: those of Indonesia first, then those in use here, then all."""
    names = dict.fromkeys([*FIRST_ZONES, view.choices.zone, chosen, *zones()])
    return [(name, f"{_ZONE_NAMES[name]} · {name}" if name in _ZONE_NAMES else name) for name in names if name]
