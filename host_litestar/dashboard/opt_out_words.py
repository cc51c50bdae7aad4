"""Why a person opted out and from where that came, in the language of the page."""

from typing import Final

from host_litestar.dashboard.view import View
from wabroadcast_core.models.blacklist import DEFAULT_REASON

_REASONS: Final = {
    DEFAULT_REASON: "opt_outs.reason.default",
    "wrote a stop word": "opt_outs.reason.reply",
    "opt_out": "opt_outs.reason.provider",
}
_SOURCES: Final = {
    "inbound": "opt_outs.source.inbound",
    "engine": "opt_outs.source.engine",
    "api": "opt_outs.source.api",
}


def say_opt_out(view: View, reason: str) -> str:
    """Return the reason of an opt-out in words: a code by the catalogue, what a person wrote as it is."""
    if key := _REASONS.get(reason):
        return view.t(key)
    known = view.broadcaster.reasons.explain(reason, language=view.choices.language)
    return known.meaning if known.known else reason


def say_source(view: View, source: str) -> str:
    """Return who or what recorded an act: a component in words, a person or file by its name."""
    return view.t(_SOURCES[source]) if source in _SOURCES else source
