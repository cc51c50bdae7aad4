"""The import of a contact file: the file, how it is understood, the run with its progress, and the result.

The file is uploaded once and kept as an upload. If the person goes away, it is deleted as all uploads are, some days
later (``keep_files_days``).
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from host_litestar.dashboard.contacts import OFFERED_TAGS, ROOM
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.file_choices import FileChoices, column_fields, reading_options
from host_litestar.dashboard.file_rows import shown_rows
from host_litestar.dashboard.file_upload import discard_file, gone, is_run, notice_of_look, save_file
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import FRAGMENT, Page, View, ViewDep
from host_litestar.routes.parameters import ImportId, UploadId
from host_litestar.threads import FILES
from wabroadcast_core.errors import Fault, FileError, InvalidInputError, NoNumbersError, NotFoundError, SourceError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.contact import OPEN_IMPORTS, ImportReport
from wabroadcast_core.models.slug import make_slug
from wabroadcast_core.sentences import sentence_of

IMPORT: Final = f"{ROOM}/import"
RESULTS: Final = f"{ROOM}/imports"
LOOK_SECONDS: Final = 5.0  # for the dry run; of a longer file the page shows the beginning
SPLIT_SECONDS: Final = 1.0  # to show how a file that is not understood was split into cells
RUN_SECONDS: Final = 1.0  # before the page with the progress is shown; small files are done by then


class ImportPages(PageController):
    """Routes under ``/ui/contacts/import`` and ``/ui/contacts/imports``."""

    path = ROOM

    @page("/import", scope=Scope.OPERATE)
    def show(self, view: ViewDep) -> Page:
        """Show the form for a file."""
        return _form(view)

    @act("/import", threads=FILES, files=("file",))
    def upload(self, view: ViewDep) -> Page:
        """Store the file, then show how it is understood."""
        stored = save_file(view)
        if isinstance(stored, Fault):
            return _form(view, status=HTTPStatus.BAD_REQUEST, faults=[stored])
        return view.redirect(view.link(IMPORT, stored.upload_id, kind=stored.kind, tags=view.form.text("tags")))

    @page("/import/{uploadId:str}", scope=Scope.OPERATE, threads=FILES)
    def look(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Show how the file is understood, and what its import would do."""
        return _look(view, upload_id, FileChoices.of_address(view), tags=view.query("tags"))

    @act("/import/{uploadId:str}", threads=FILES)
    def act_on_file(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Show the file as it is read with other choices, or run its import."""
        chosen, tags = FileChoices.of_form(view.form), view.form.text("tags")
        if not is_run(view, chosen):
            return view.redirect(view.link(IMPORT, upload_id, **chosen.query(), tags=tags), notice_of_look(view))
        return _run(view, upload_id, chosen, tags=tags)

    @act("/import/{uploadId:str}/discard", threads=FILES)
    def discard(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Delete the file, which was not imported."""
        discard_file(view, upload_id)
        return view.redirect(view.link(IMPORT), Notice("file.discarded"))

    @page("/imports/{importId:str}")
    def result(self, view: ViewDep, import_id: ImportId) -> Page:
        """Show the progress of an import, then its result."""
        report = view.broadcaster.contacts.import_report(import_id)
        context: dict[str, Any] = {
            "report": report,
            "is_open": report.status in OPEN_IMPORTS,
        }
        if view.query(FRAGMENT):
            return view.fragment("import_progress.html", **context)
        return view.page("import_result.html", **context)


def _form(view: View, **context: Any) -> Page:
    tags = view.broadcaster.tags.list()[:OFFERED_TAGS]
    return view.page("import.html", offered=tags, tags=view.form.text("tags"), **context)


def _run(view: View, upload_id: str, chosen: FileChoices, *, tags: str) -> Page:
    try:
        report = view.broadcaster.contacts.import_file(
            upload_id, tags=[tags], wait_seconds=RUN_SECONDS, actor=view.actor, **chosen.reading()
        )
    except (FileError, SourceError, InvalidInputError):
        return _look(view, upload_id, chosen, tags=tags)  # it fails there in the same way, and is explained
    except NotFoundError:
        return gone(view, IMPORT)
    return view.redirect(view.link(RESULTS, report.import_id))


def _look(view: View, upload_id: str, chosen: FileChoices, *, tags: str) -> Page:
    try:
        report = _dry_run(view, upload_id, chosen, tags=tags, seconds=LOOK_SECONDS)
    except InvalidInputError as error:
        return _understood(view, upload_id, chosen, tags=tags, report=None, faults=error.faults)
    except (FileError, SourceError) as error:
        split = _split(view, upload_id, chosen)
        is_without = isinstance(error, NoNumbersError) and split is not None
        what = view.t("file.no_numbers" if is_without else "file.not_understood")
        return _understood(view, upload_id, chosen, tags=tags, report=split, error=sentence_of(error), what=what)
    except NotFoundError:
        return gone(view, IMPORT)
    return _understood(view, upload_id, chosen, tags=tags, report=report)


def _dry_run(view: View, upload_id: str, chosen: FileChoices, *, tags: str, seconds: float) -> ImportReport:
    return view.broadcaster.contacts.import_file(
        upload_id, tags=[tags], dry_run=True, wait_seconds=seconds, **chosen.reading()
    )


def _split(view: View, upload_id: str, chosen: FileChoices) -> ImportReport | None:
    """Return how a file is split into cells in which no numbers were found; None if it cannot be read at all."""
    first = replace(chosen, columns={**(chosen.columns or {}), 1: "number"})
    try:
        return _dry_run(view, upload_id, first, tags="", seconds=SPLIT_SECONDS)
    except (FileError, SourceError, InvalidInputError):
        return None


def _understood(
    view: View,
    upload_id: str,
    chosen: FileChoices,
    *,
    tags: str,
    report: ImportReport | None,
    error: str = "",
    **context: Any,
) -> Page:
    is_understood = not (error or context.get("faults"))
    columns, found = (report.columns, report.file_rows) if report else ({}, [])
    known = columns if is_understood else _without_guess(columns)
    fields = column_fields(view, known, chosen=chosen, first=found[0].cells if found else ())
    is_wrong_form = view.request.method == "POST" and not is_understood
    return view.page(
        "import_look.html",
        status=HTTPStatus.BAD_REQUEST if is_wrong_form else HTTPStatus.OK,
        upload_id=upload_id,
        chosen=chosen,
        tags=tags,
        report=report,
        error=error,
        is_understood=is_understood,
        fields=fields,
        more_columns=max(0, len(columns) - len(fields)),
        options=reading_options(view, chosen, report.reading if report else None),
        rows=shown_rows(view, found, columns, with_faults=is_understood),
        **context,
    )


def _without_guess(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the meanings of columns; the first, which only stands for the number that is missing, is a variable."""
    return {title: make_slug(title) if role == "number" else role for title, role in columns.items()}
