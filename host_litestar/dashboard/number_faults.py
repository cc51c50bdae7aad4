"""Why a number is not valid, in the language of the page."""

import re

from host_litestar.dashboard.view import View
from wabroadcast_core.errors import Fault, NumberError

_NO_LETTER = re.compile(r"[^a-z]+")


def say_rejection(view: View, reason: str) -> str:
    """Return why a row or a number is rejected; a reason that the texts do not have as the core words it."""
    key = f"number.{_NO_LETTER.sub('_', reason.partition(':')[0].lower()).strip('_')}"
    return view.t(key) if key in view.t else reason


def fault_of_number(view: View, error: NumberError, *, path: str = "number") -> Fault:
    """Return the fault of a field with a number.

    :param path: the name of the field.
    """
    return Fault(path, view.t("number.wrong", reason=say_rejection(view, error.reason)))
