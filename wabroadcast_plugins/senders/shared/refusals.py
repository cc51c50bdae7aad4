"""WhatsApp's own refusals in a gateway's words, and what of such words a detail may show."""

import re
from collections.abc import Mapping
from typing import Final, TypeGuard

from wabroadcast_core import Rejected, SendError, Temporary, Throttled, blank_numbers

LONGEST_DETAIL: Final = 200  # characters
REACHOUT_TIMELOCK: Final = "463"
RATE_OVERLIMIT: Final = "429"

_CLOSED_TO_STRANGERS: Final[Mapping[str, str]] = {  # known people can still be written to
    REACHOUT_TIMELOCK: "WhatsApp lets this account write to nobody new for now (reach-out timelock)",
    "475": "this account has written to as many new people as WhatsApp lets it for now (message capping)",
}
_SERVER_ERROR: Final = re.compile(r"server returned error (\d{3})(?!\d)")


def find_refusal(text: str, *, kind: str) -> SendError | None:
    """WhatsApp's refusal in a gateway's error text: it answered, so the message was surely not taken.

    :param kind: of the sender; error reasons are made of it and of WhatsApp's code.
    """
    found = _SERVER_ERROR.search(text)
    return None if found is None else refusal(found[1], kind=kind)


def refusal(code: str, *, kind: str, retry_after: float | None = None) -> Throttled | Temporary:
    """What a code of WhatsApp's means for a message that it did not take."""
    reason = f"{kind}_{code}"
    if code in _CLOSED_TO_STRANGERS:
        return Throttled(reason, _CLOSED_TO_STRANGERS[code], retry_after=retry_after, scope="new_contacts")
    if code == RATE_OVERLIMIT:
        return Throttled(reason, "WhatsApp told the gateway to slow down", retry_after=retry_after)
    return Temporary(reason, f"WhatsApp answered the gateway with error {code}", retry_after=retry_after)


def is_for_strangers(error: SendError | None) -> TypeGuard[Throttled]:
    """Whether WhatsApp refuses only people whom the account has never written to."""
    return isinstance(error, Throttled) and error.scope == "new_contacts"


def late_failure(code: object, *, kind: str) -> SendError:
    """Why a message failed that the gateway had taken: by WhatsApp's code, where it tells of a refusal of strangers."""
    if isinstance(code, str) and code in _CLOSED_TO_STRANGERS:
        return refusal(code, kind=kind)
    return Rejected(f"{kind}_undelivered", "WhatsApp did not take the message")


def shown(text: str) -> str:
    """A provider's words as an error's detail may show them: short, in one line, without numbers of people."""
    return blank_numbers(" ".join(text.split()))[:LONGEST_DETAIL]
