"""Why a form is shown again with all that was typed: it does not fit, or the store takes nothing at the moment."""

from http import HTTPStatus
from typing import Any, Final

from host_litestar.dashboard.view import View
from wabroadcast_core.errors import InvalidInputError, UnavailableError

REFUSALS: Final = (InvalidInputError, UnavailableError)


def refused(view: View, error: InvalidInputError | UnavailableError) -> dict[str, Any]:
    """Return the status and the faults with which a page shows a form again.

    If the page cannot be shown either, such as without a store, the page of the error keeps the form.
    """
    if isinstance(error, InvalidInputError):
        return {"status": HTTPStatus.BAD_REQUEST, "faults": error.faults}
    fault = view.fault("", "error.503.form_with_file" if view.form.has_file() else "error.503.form")
    return {"status": HTTPStatus.SERVICE_UNAVAILABLE, "faults": [fault]}
