"""The file of a form: it is stored as an upload for the next steps, and deleted where it is not needed any more."""

from contextlib import suppress
from http import HTTPStatus

from host_litestar.dashboard.file_choices import FileChoices
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View
from host_litestar.routes.uploads import read_chunks
from wabroadcast_core.errors import ConflictError, Fault, NotFoundError
from wabroadcast_core.models.upload import UploadView


def save_file(view: View) -> UploadView | Fault:
    """Store the file of the field ``file``; return the fault of the form if it has none."""
    file = view.form.file("file")
    if file is None:
        return view.fault("file", "file.missing")
    stored = view.broadcaster.uploads.save(
        read_chunks(file), filename=file.filename or None, content_type=file.content_type
    )
    if not stored.size:
        discard_file(view, stored.upload_id)
        return view.fault("file", "file.empty")
    return stored


def discard_file(view: View, upload_id: str) -> None:
    """Delete an upload, unless something needs it; that it is gone already is fine."""
    with suppress(NotFoundError, ConflictError):
        view.broadcaster.uploads.delete(upload_id)


def is_run(view: View, chosen: FileChoices) -> bool:
    """Return whether a form runs the import whose result it shows, and not one with choices that it has not shown."""
    return view.form.text("do") == "run" and view.form.text("shown") == chosen.token()


def notice_of_look(view: View) -> Notice | None:
    """Return what the next look at the file says; nothing if it was asked for."""
    return Notice("file.changed", tone="warn") if view.form.text("do") == "run" else None


def gone(view: View, back: str) -> Page:
    """Show that the file of an address is deleted, and how to choose it again.

    :param back: the path of the form for a file.
    """
    return view.page("file_gone.html", status=HTTPStatus.NOT_FOUND, back=view.link(back))


def find_upload(view: View, upload_id: object) -> UploadView | None:
    """Return an uploaded file; None if there is no such file, or not any more."""
    if not isinstance(upload_id, str):
        return None
    try:
        return view.broadcaster.uploads.get(upload_id)
    except NotFoundError:
        return None
