"""The pages on which a broadcast is written: to whom, what, when and through which connection."""

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar.datastructures import UploadFile
from pydantic import ValidationError

from host_litestar.dashboard.compose_form import ReadForm, Uploaded, file_type, read_form, shown_form
from host_litestar.dashboard.compose_page import DraftLook, look_at, new_look, page_values, part_values
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.forms import read_digits
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.refusals import REFUSALS, refused
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.drafts import DraftId
from host_litestar.routes.uploads import read_chunks
from host_litestar.threads import LOOKS
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    VersionConflictError,
)
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.draft import DraftBody, DraftView
from wabroadcast_core.models.upload import UploadView

FILES: Final = ("audienceFile", "mediaFile")
DRAFT: Final = "/ui/drafts"
DRAFTS_OF_FORMS: Final = uuid.UUID("6f0c1f0e-6a53-4e0b-9d5b-1c3a7f5d2b90")  # the namespace of the ids that forms make
SENDABLE: Final = "sendable"
MOST_LINES: Final = 50  # of a list, in the comparison of two versions
LONGEST_SHOWN: Final = 2_000  # characters of a field there


class ComposePages(PageController):
    """Routes ``/ui/broadcasts/new`` and ``/ui/drafts/{draft_id}``."""

    path = "/ui"

    @page("/broadcasts/new", scope=Scope.OPERATE)
    def new(self, view: ViewDep) -> Page:
        """Show an empty form. Nothing is stored before it is saved."""
        return _page(view, new_look(view))

    @act("/broadcasts/new", threads=LOOKS, files=FILES)
    def create(self, view: ViewDep) -> Page:
        """Store a draft of what was typed so far. The same form sent again changes the draft that it has made."""
        draft_id = _new_id(view)
        try:
            before = _find(view, draft_id)
            uploaded = _save_files(view)
            if before is None:
                given = read_form(view.form, DraftBody(), uploaded)
                given.fields.setdefault("name", _default_name(view))
                with contextlib.suppress(ConflictError):  # the same form is being sent twice at once
                    created = view.broadcaster.drafts.create(
                        given.fields, given.recipients, draft_id=draft_id, actor=view.actor
                    )
                    return _saved(view, created)
                before = view.broadcaster.drafts.get(draft_id)
        except REFUSALS as error:
            return _refused(view, new_look(view, shown_form(view.form)), error)
        return _save(view, before, uploaded)

    @page("/drafts/{draftId:str}", threads=LOOKS)
    def show(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Show a draft, or where it went."""
        draft = view.broadcaster.drafts.get(draft_id)
        if draft.job_id is not None:
            return view.page("compose_submitted.html", draft=draft)
        return _page(view, look_at(view, draft, person=view.query("person", "1")))

    @act("/drafts/{draftId:str}", threads=LOOKS, files=FILES)
    def save(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Store what was typed. If another person did so meanwhile, both versions are shown."""
        return _save(view, view.broadcaster.drafts.get(draft_id))

    @page("/drafts/{draftId:str}/people", threads=LOOKS)
    def people(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Show the first people who get a message, or who are left out for one reason."""
        draft = view.broadcaster.drafts.get(draft_id)
        reason = view.query("reason", SENDABLE)
        found = view.broadcaster.drafts.preview(draft, reason=reason).people
        known = {} if found is None else {SENDABLE: found.sendable, **found.skipped_by}
        return view.page("compose_people.html", draft=draft, reason=reason, people=found, amount=known.get(reason, 0))

    @act("/drafts/{draftId:str}/discard")
    def discard(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Delete a draft with its files."""
        draft = view.broadcaster.drafts.get(draft_id)
        view.broadcaster.drafts.delete(draft_id, actor=view.actor)
        return view.redirect(
            view.link("/ui/broadcasts"), Notice("compose.discarded", {"name": draft.name or view.t("compose.title")})
        )

    @act("/drafts/{draftId:str}/copy")
    def copy(self, view: ViewDep, draft_id: DraftId) -> Page:
        """Copy a draft, or the broadcast that it has become, into a new draft."""
        draft = view.broadcaster.drafts.get(draft_id)
        if draft.job_id is not None:
            made = view.broadcaster.drafts.copy(draft.job_id, actor=view.actor)
        else:
            fields = draft.broadcast.model_dump(mode="json", exclude_none=True)
            recipients = fields.pop("recipients", None)
            made = view.broadcaster.drafts.create(fields, recipients, actor=view.actor)
        return view.redirect(view.link(DRAFT, made.draft_id), Notice("compose.copied"))


def _save(view: View, before: DraftView, stored: Uploaded | None = None) -> Page:
    """Store what was typed in a draft, and return the answer.

    :param before: the draft as it is stored.
    :param stored: the files of the form, if they are stored already.
    """
    if before.job_id is not None:
        return _submitted(view, before)
    try:
        uploaded = stored or _save_files(view)
        given = read_form(view.form, before.broadcast, uploaded)
        given.fields.setdefault("name", before.name or _default_name(view))
        if _is_stored(given, before):
            return _saved(view, before)
        versions = {_version(view, before, given)}
        draft = view.broadcaster.drafts.save(
            before.draft_id, given.fields, given.recipients, versions=versions, actor=view.actor
        )
    except VersionConflictError as error:
        return _conflict(view, before.draft_id, error, given, uploaded)
    except REFUSALS as error:
        look = look_at(view, before, person="1", shown=shown_form(view.form))
        return _refused(view, look, error)
    return _saved(view, draft)


# --- answers -----------------------------------------------------------------------------------------------------


def _is_script(view: View) -> bool:
    """Return whether a script sent the form, which puts the parts of the answer into their places."""
    return view.request.headers.get("x-requested-with") == "fetch"


def _page(view: View, look: DraftLook) -> Page:
    return view.page("compose.html", faults=look.faults(), **page_values(view, look))


def _parts(view: View, look: DraftLook, *, problem: Sequence[Fault] = ()) -> Page:
    faults = view.faults_by_field(look.faults())
    return view.fragment(
        "compose_parts.html", faults=faults, problem=view.faults_by_field(problem), **part_values(view, look)
    )


def _saved(view: View, draft: DraftView) -> Page:
    person = view.form.text("person", "1")
    if _is_script(view):
        return _parts(view, look_at(view, draft, person=person))
    if view.form.text("go") == "review":
        return view.redirect(view.link(DRAFT, draft.draft_id, "review"))
    address = view.link(DRAFT, draft.draft_id, person=person if person != "1" else None)
    place = "#message" if view.form.has("person") else ""
    return view.redirect(f"{address}{place}", Notice("compose.saved"))


def _refused(view: View, look: DraftLook, error: InvalidInputError | UnavailableError) -> Page:
    if not _is_script(view):
        return view.page("compose.html", **refused(view, error), **page_values(view, look))
    if isinstance(error, UnavailableError):
        raise error  # the script saves again
    return _parts(view, look, problem=error.faults)


def _submitted(view: View, draft: DraftView) -> Page:
    if _is_script(view):
        return view.fragment("compose_changed.html", draft=draft)
    return view.page("compose_submitted.html", status=409, draft=draft)


def _conflict(view: View, draft_id: str, error: VersionConflictError, given: ReadForm, uploaded: Uploaded) -> Page:
    present = view.broadcaster.drafts.get(draft_id)
    if present.job_id is not None or _is_script(view):
        return _submitted(view, present)
    theirs = present.broadcast.model_dump(mode="json", exclude_none=True)
    mine = _body_of(given).model_dump(mode="json", exclude_none=True)
    return view.page(
        "compose_conflict.html",
        status=409,
        draft=present,
        version=error.version,
        kept=list(_kept(view, uploaded)),
        differences=_differences(mine, theirs),
    )


def _kept(view: View, uploaded: Uploaded) -> list[tuple[str, str]]:
    """Return the fields of the form that was sent, with the files that came with it by their ids."""
    replaced = {"version": "", "go": "", "person": ""}
    if uploaded.audience is not None:
        replaced |= {"source.uploadId": uploaded.audience.upload_id, "source.type": file_type(uploaded.audience)}
    if uploaded.media is not None:
        replaced |= {"message.media.uploadId": uploaded.media.upload_id}
    kept = [(name, value) for name, value in view.form.kept() if name not in replaced]
    return [*kept, *((name, value) for name, value in replaced.items() if value)]


def _differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the fields that differ in two versions, each with both values as texts."""
    names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    return [(name, _written(mine.get(name)), _written(theirs.get(name))) for name in names]


def _written(value: Any) -> str:
    """Return a field as a text: an object as lines of names and values, a list of people as lines of people."""
    match value:
        case None:
            text = ""
        case {"text": str(only)}:
            text = only
        case {"number": number, **more}:
            text = ", ".join([str(number), *(str(part) for part in more.values() if part)])
        case dict():
            text = "\n".join(f"{name}: {_written(part)}" for name, part in value.items())
        case list():
            text = "\n".join(map(_written, value[:MOST_LINES]))
        case _:
            text = str(value)
    return text[:LONGEST_SHOWN]


# --- the form ----------------------------------------------------------------------------------------------------


def _default_name(view: View) -> str:
    return view.t("compose.default_name", time=view.fmt.moment(SystemClock().now()))


def _is_stored(given: ReadForm, draft: DraftView) -> bool:
    """Return whether a draft is already as a form has it: then it gets no new version."""
    try:
        return _body_of(given) == draft.broadcast
    except ValidationError:
        return False


def _body_of(given: ReadForm) -> DraftBody:
    return DraftBody.model_validate({**given.fields, "recipients": given.recipients})


def _version(view: View, before: DraftView, given: ReadForm) -> int:
    """Return the version that a form may replace: the one that it was made with; -1, which no draft has, if none.

    A new form that is sent again has none. It replaces its own draft if a script repeats a save whose answer was lost,
    or if only its files were uploaded again; else a person has gone back to it, and chooses between both versions.
    """
    version = read_digits(view.form.text("version"))
    if version is not None:
        return version
    is_own = before.draft_id == _new_id(view) and before.changed_by == view.actor
    is_repeated = is_own and (_is_script(view) or _differs_in_files(given, before))
    return before.version if is_repeated else -1


def _differs_in_files(given: ReadForm, draft: DraftView) -> bool:
    """Return whether a form is a draft, except for the ids of its files."""
    try:
        return _without_files(_body_of(given)) == _without_files(draft.broadcast)
    except ValidationError:
        return False


def _without_files(body: DraftBody) -> dict[str, Any]:
    fields = body.model_dump(mode="json", exclude_none=True)
    for holder in (fields.get("source"), (fields.get("message") or {}).get("media")):
        if isinstance(holder, dict):
            holder.pop("uploadId", None)
    return fields


def _new_id(view: View) -> str:
    """Return the id of the draft that a new form makes: the same, however often the form is sent."""
    return str(uuid.uuid5(DRAFTS_OF_FORMS, f"{view.actor}\n{view.once}"))


def _find(view: View, draft_id: str) -> DraftView | None:
    try:
        return view.broadcaster.drafts.get(draft_id)
    except NotFoundError:
        return None


def _save_files(view: View) -> Uploaded:
    audience, media = (view.form.file(name) for name in FILES)
    return Uploaded(_save_file(view, audience), _save_file(view, media))


def _save_file(view: View, file: UploadFile | None) -> UploadView | None:
    if file is None:
        return None
    return view.broadcaster.uploads.save(
        read_chunks(file), filename=file.filename or None, content_type=file.content_type
    )
