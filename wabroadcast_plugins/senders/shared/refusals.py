"""Refusals by WhatsApp and by gateways, recognised by their text, and the part of such a text that may be shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, TypeGuard

from wabroadcast_core import (
    ConnectionDown,
    Rejected,
    Reply,
    SendError,
    Temporary,
    Throttled,
    blank_numbers,
    error_of,
)
from wabroadcast_plugins.senders.sentences import say

LONGEST_DETAIL: Final = 200  # characters
REACHOUT_TIMELOCK: Final = "463"
RATE_OVERLIMIT: Final = "429"

TextRule: TypeAlias = tuple[re.Pattern[str], type[SendError], str]
"""A pattern of a refusal's text in lower case, what the refusal means, and the reason of the error."""

_NEW_CONTACT_REFUSALS: Final[Mapping[str, str]] = {  # messages to known contacts are still accepted
    REACHOUT_TIMELOCK: "refused_new_contacts",
    "475": "refused_more_contacts",
}
_CREDENTIALS: Final = frozenset({401, 403})  # the HTTP statuses that refuse them
_SERVER_ERROR: Final = re.compile(r"server returned error (\d{3})(?!\d)")


def find_refusal(text: str, *, kind: str) -> SendError | None:
    """Find WhatsApp's refusal in the error text of a gateway. WhatsApp answered, so it did not accept the message.

    :param kind: of the sender; the error's reason consists of it and of WhatsApp's code.
    :returns: None if the text holds no such refusal.
    """
    found = _SERVER_ERROR.search(text)
    return None if found is None else refusal(found[1], kind=kind)


def refusal(code: str, *, kind: str, retry_after: float | None = None) -> Throttled | Temporary:
    """Return what WhatsApp's code means for a message that it did not accept.

    :param retry_after: seconds to wait, where the gateway gives them.
    """
    reason = f"{kind}_{code}"
    if code in _NEW_CONTACT_REFUSALS:
        return Throttled(reason, say(_NEW_CONTACT_REFUSALS[code]), retry_after=retry_after, scope="new_contacts")
    if code == RATE_OVERLIMIT:
        return Throttled(reason, say("refused_pace"), retry_after=retry_after)
    return Temporary(reason, say("refused_with_code", number=code), retry_after=retry_after)


def is_for_new_contacts(error: SendError | None) -> TypeGuard[Throttled]:
    """Check whether WhatsApp refuses only contacts whom the account has never messaged."""
    return isinstance(error, Throttled) and error.scope == "new_contacts"


def late_failure(code: object, *, kind: str) -> SendError:
    """Return why a message failed after the gateway had accepted it.

    :param code: WhatsApp's; it matters only if it is a refusal of new contacts.
    """
    if isinstance(code, str) and code in _NEW_CONTACT_REFUSALS:
        return refusal(code, kind=kind)
    return Rejected(f"{kind}_undelivered", say("not_accepted"))


def refusal_by_text(reply: Reply, text: str, rules: Sequence[TextRule], *, kind: str) -> SendError:
    """Return what a gateway's refusal means: by the first rule that its text matches, else by the HTTP status.

    The text outranks the status, because these gateways refuse with any status.

    :param text: the gateway's own explanation.
    """
    detail = safe_detail(text)
    for pattern, error, reason in rules:
        if pattern.search(text.lower()):
            return error(reason, detail)
    return Rejected(f"{kind}_refused", detail) if reply.is_success else status_error(reply)


def status_error(reply: Reply) -> SendError:
    """Return what an error reply means by its HTTP status only, with advice if the credentials are refused."""
    error = error_of(reply)
    if isinstance(error, ConnectionDown) and reply.status in _CREDENTIALS:
        return ConnectionDown(error.reason, say("credentials_refused", detail=error.detail))
    return error


def safe_detail(text: str) -> str:
    """Return a provider's text as the detail of an error may show it: short, in one line, without phone numbers."""
    return blank_numbers(" ".join(text.split()))[:LONGEST_DETAIL]
