"""The pages on which a broadcast is written: to whom, what, when and through which connection."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar.datastructures import UploadFile
from pydantic import ValidationError

from host_litestar.dashboard.compose_form import ReadForm, Uploaded, file_type, read_form, shown_form
from host_litestar.dashboard.compose_page import DraftLook, look_at, new_look, page_values, part_values
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.forms import read_digits
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.drafts import DraftId
from host_litestar.routes.uploads import read_chunks
from host_litestar.threads import LOOKS
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.errors import Fault, InvalidInputError, VersionConflictError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.draft import DraftBody, DraftView
from wabroadcast_core.models.upload import UploadView

FILES: Final = ("audienceFile", "mediaFile")
DRAFT: Final = "/ui/drafts"
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
        """Store a draft of what was typed so far."""
        uploaded = _save_files(view)
        given = read_form(view.form, DraftBody(), uploaded)
        given.fields.setdefault("name", _default_name(view))
        try:
            draft = view.broadcaster.drafts.create(given.fields, given.recipients, actor=view.actor)
        except InvalidInputError as error:
            return _refused(view, new_look(view, shown_form(view.form)), error)
        return _saved(view, draft)

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
        before = view.broadcaster.drafts.get(draft_id)
        if before.job_id is not None:
            return _submitted(view, before)
        uploaded = _save_files(view)
        given = read_form(view.form, before.broadcast, uploaded)
        given.fields.setdefault("name", before.name or _default_name(view))
        if _is_stored(given, before):
            return _saved(view, before)
        try:
            draft = view.broadcaster.drafts.save(
                draft_id, given.fields, given.recipients, versions={_version(view)}, actor=view.actor
            )
        except VersionConflictError as error:
            return _conflict(view, draft_id, error, given, uploaded)
        except InvalidInputError as error:
            look = look_at(view, before, person="1", shown=shown_form(view.form))
            return _refused(view, look, error)
        return _saved(view, draft)

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


def _refused(view: View, look: DraftLook, error: InvalidInputError) -> Page:
    if _is_script(view):
        return _parts(view, look, problem=error.faults)
    return view.page("compose.html", status=400, faults=error.faults, **page_values(view, look))


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


def _version(view: View) -> int:
    """Return the version that a form was made with; -1, which no draft has, if it names none."""
    given = read_digits(view.form.text("version"))
    return -1 if given is None else given


def _save_files(view: View) -> Uploaded:
    audience, media = (view.form.file(name) for name in FILES)
    return Uploaded(_save_file(view, audience), _save_file(view, media))


def _save_file(view: View, file: UploadFile | None) -> UploadView | None:
    if file is None:
        return None
    return view.broadcaster.uploads.save(
        read_chunks(file), filename=file.filename or None, content_type=file.content_type
    )
