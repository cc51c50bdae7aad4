"""Opt-outs: the numbers that must not be messaged, and files of them."""

from http import HTTPStatus
from typing import Any, Final

from host_litestar.dashboard.contacts import LONGEST_SEARCH
from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.file_choices import FileChoices, column_fields, reading_options
from host_litestar.dashboard.file_upload import discard_file, gone, is_run, notice_of_look, save_file
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.opt_out_words import say_opt_out, say_source
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.parameters import UploadId
from host_litestar.threads import FILES
from wabroadcast_core.errors import (
    Fault,
    FileError,
    InvalidInputError,
    NotFoundError,
    NumberError,
    SourceError,
    fault_of_number,
)
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.blacklist import DEFAULT_REASON, LONGEST_REASON, BlacklistReport
from wabroadcast_core.sentences import sentence_of

ROOM: Final = "/ui/opt-outs"
IMPORT: Final = f"{ROOM}/import"
LOOK_SECONDS: Final = 5.0


class OptOutPages(PageController):
    """Routes under ``/ui/opt-outs``."""

    path = ROOM

    @page("/")
    def show(self, view: ViewDep) -> Page:
        """Show the opt-outs that a search finds, the latest first."""
        return _list(view)

    @act("/")
    def add(self, view: ViewDep) -> Page:
        """Block a number, on all connections or on one."""
        try:
            entry = view.broadcaster.blacklist.add(
                view.form.text("number"), reason=_reason(view), connection=_connection(view), actor=view.actor
            )
        except (InvalidInputError, NumberError, NotFoundError) as error:
            return _list(view, status=HTTPStatus.BAD_REQUEST, faults=_faults(view, error))
        return view.redirect(view.link(ROOM), Notice("opt_outs.added", {"number": entry.number}))

    @page("/import", scope=Scope.OPERATE)
    def show_import(self, view: ViewDep) -> Page:
        """Show the form for a file."""
        return _file_form(view)

    @act("/import", threads=FILES, files=("file",))
    def upload(self, view: ViewDep) -> Page:
        """Store the file, then show how it is understood."""
        try:
            _reason(view)
        except InvalidInputError as error:
            return _file_form(view, status=HTTPStatus.BAD_REQUEST, faults=error.faults)
        stored = save_file(view)
        if isinstance(stored, Fault):
            return _file_form(view, status=HTTPStatus.BAD_REQUEST, faults=[stored])
        return view.redirect(view.link(IMPORT, stored.upload_id, kind=stored.kind, reason=view.form.text("reason")))

    @page("/import/{uploadId:str}", scope=Scope.OPERATE, threads=FILES)
    def look(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Show how the file is understood, and how many numbers it would block."""
        return _look(view, upload_id, FileChoices.of_address(view), reason=view.query("reason")[:LONGEST_REASON])

    @act("/import/{uploadId:str}", threads=FILES)
    def act_on_file(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Show the file as it is read with other choices, or block its numbers."""
        chosen, reason = FileChoices.of_form(view.form), view.form.text("reason")[:LONGEST_REASON]
        if not is_run(view, chosen):
            return view.redirect(view.link(IMPORT, upload_id, **chosen.query(), reason=reason), notice_of_look(view))
        return _run(view, upload_id, chosen, reason=reason)

    @act("/import/{uploadId:str}/discard", threads=FILES)
    def discard(self, view: ViewDep, upload_id: UploadId) -> Page:
        """Delete the file, whose numbers were not blocked."""
        discard_file(view, upload_id)
        return view.redirect(view.link(IMPORT), Notice("file.discarded"))


def _list(view: View, **context: Any) -> Page:
    query = view.query("q")[:LONGEST_SEARCH]
    found = view.broadcaster.blacklist.list(query=query or None, page=view.page_number())
    rows = [(entry, say_opt_out(view, entry.reason), say_source(view, entry.source)) for entry in found.items]
    befores = view.broadcaster.blacklist.last_messages([entry.number for entry in found.items]) if rows else {}
    form = view.form.fields()
    return view.page("opt_outs.html", found=found, rows=rows, befores=befores, query=query, form=form, **context)


def _file_form(view: View, **context: Any) -> Page:
    return view.page("opt_outs_import.html", reason=view.form.text("reason"), **context)


def _run(view: View, upload_id: str, chosen: FileChoices, *, reason: str) -> Page:
    try:
        report = view.broadcaster.blacklist.add_file(
            upload_id, reason=reason or DEFAULT_REASON, actor=view.actor, **chosen.reading()
        )
    except (FileError, SourceError, InvalidInputError):
        return _look(view, upload_id, chosen, reason=reason)  # it fails there in the same way, and is explained
    except NotFoundError:
        return gone(view, IMPORT)
    discard_file(view, upload_id)
    return view.redirect(view.link(ROOM), _imported(view, report))


def _imported(view: View, report: BlacklistReport) -> Notice:
    values: dict[str, str | int] = {"n": report.added, "known": report.known, "rejected": report.rejected}
    if report.reason:
        return Notice("opt_outs.imported_in_part", values | {"reason": view.say_plainly(report.reason)}, "danger")
    return Notice("opt_outs.imported", values, "warn" if report.rejected else "ok")


def _look(view: View, upload_id: str, chosen: FileChoices, *, reason: str) -> Page:
    try:
        report = view.broadcaster.blacklist.add_file(upload_id, dry_run=True, seconds=LOOK_SECONDS, **chosen.reading())
    except InvalidInputError as error:
        return _understood(view, upload_id, chosen, reason=reason, report=None, faults=error.faults)
    except (FileError, SourceError) as error:
        return _understood(
            view,
            upload_id,
            chosen,
            reason=reason,
            report=None,
            error=sentence_of(error),
            what=view.t("file.not_understood"),
        )
    except NotFoundError:
        return gone(view, IMPORT)
    return _understood(view, upload_id, chosen, reason=reason, report=report)


def _understood(
    view: View,
    upload_id: str,
    chosen: FileChoices,
    *,
    reason: str,
    report: BlacklistReport | None,
    error: str = "",
    **context: Any,
) -> Page:
    columns = report.columns if report else {}
    fields = column_fields(view, columns, chosen=chosen)
    is_wrong_form = view.request.method == "POST"
    return view.page(
        "opt_outs_look.html",
        status=HTTPStatus.BAD_REQUEST if is_wrong_form else HTTPStatus.OK,
        upload_id=upload_id,
        chosen=chosen,
        reason=reason,
        report=report,
        error=error,
        is_understood=report is not None,
        fields=fields,
        more_columns=max(0, len(columns) - len(fields)),
        options=reading_options(view, chosen, report.reading if report else None),
        **context,
    )


def _reason(view: View) -> str:
    """Return the reason of the form; an empty one is the usual.

    :raises InvalidInputError: it is too long.
    """
    reason = view.form.text("reason") or DEFAULT_REASON
    if len(reason) > LONGEST_REASON:
        raise InvalidInputError([view.fault("reason", "opt_outs.reason_missing", most=LONGEST_REASON)])
    return reason


def _connection(view: View) -> str | None:
    return view.form.text("connection") or None


def _faults(view: View, error: InvalidInputError | NumberError | NotFoundError) -> list[Fault]:
    match error:
        case NumberError():
            return [fault_of_number(error)]
        case InvalidInputError():
            return list(error.faults)
        case _:
            return [view.fault("connection", "opt_outs.no_connection", name=view.form.text("connection"))]
