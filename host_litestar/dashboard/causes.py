"""Why something waits, in words: each cause of the core by its code, with what it has to say."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from host_litestar.dashboard.view import View
from wabroadcast_core.models.pacing import Jitter, Rate

UNTIL = ".until"  # at the end of the key of the text for a cause whose end is known
NOTHING = "\N{EN DASH}"  # in the place of a value that is not known
ENGINE = "engine"  # who paused what was paused automatically


def say_cause(view: View, cause: BaseModel | None) -> str:
    """Return the text of a cause, with until when if that is known; an empty text if nothing waits."""
    if cause is None:
        return ""
    values = {name: _written(view, value) for name, value in cause}
    key = f"cause.{values.pop('code')}"
    if values.get("per_seconds"):
        values["per"] = view.fmt.span(getattr(cause, "per_seconds", 0))
    if values.get("by") == ENGINE and f"{key}.engine" in view.t:
        key = f"{key}.engine"
    if "reason" in values:
        detail = values.pop("detail", None)
        reason = say_reason(view, values["reason"])
        values["reason"] = f"{reason} ({detail})" if detail else reason
    ended = f"{key}{UNTIL}" if values.get("until") and f"{key}{UNTIL}" in view.t else key
    return view.t(ended, **{name: NOTHING if value is None else value for name, value in values.items()})


def say_reason(view: View, code: str | None) -> str:
    """Return what a reason means: the words of the catalogue; of a reason without an entry, the reason itself."""
    return view.words.of_reason(code)


def _written(view: View, value: Any) -> Any:
    match value:
        case datetime():
            return view.fmt.moment(value)
        case Rate():
            return view.t("rate.per", n=value.messages, per=view.fmt.span(value.per_seconds))
        case Jitter():
            return view.t("rate.jitter", least=value.min_seconds, most=value.max_seconds)
        case float():
            return view.fmt.percent(value, 1) if value <= 1 else value
        case _:
            return value
