"""What Meta's error codes mean for a send: one table for answers and webhooks.

Only the code decides, not the HTTP status: the same codes come with 400, 403 and 429. The meanings come from Meta's
documentation (support/error-codes) and from pywa 4.5, which mirrors Meta's table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from wabroadcast_core import (
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    Reply,
    SendError,
    Temporary,
    Throttled,
    blank_numbers,
)
from wabroadcast_plugins.senders.shared.refusals import status_error

TOO_MANY_REQUESTS: Final = 429
INVALID_PARAMETER: Final = 100
MEDIA_FAILED: Final = 131053
LONGEST_PAIR_WAIT: Final = 86_400.0  # seconds; Meta's formula exceeds this at the tenth attempt


@dataclass(frozen=True, slots=True)
class _Rule:
    """The error that a code means."""

    error: type[SendError]
    tries: int | None = None
    """The number of attempts with ``error``; later attempts mean ``then``. None: every attempt means ``error``."""
    then: type[SendError] = BadMessage
    wait: float = 0.0  # seconds, for Throttled
    scope: Literal["connection", "recipient"] = "connection"  # for Throttled
    opt_out: bool = False  # for Rejected


_TEMPORARY: Final = _Rule(Temporary)
_SLOWER: Final = _Rule(Throttled)
_REJECTED: Final = _Rule(Rejected)  # if all recipients are rejected, the circuit breaker pauses the broadcast
_BAD: Final = _Rule(BadMessage)
_DOWN: Final = _Rule(ConnectionDown)

_RULES: Final[Mapping[int, _Rule]] = {
    0: _DOWN,  # the token is invalid or has expired
    1: _Rule(Temporary, tries=2),  # a bad request, or a fault of the server
    2: _TEMPORARY,  # the service is down
    3: _DOWN,  # the app may not do this
    4: _SLOWER,  # limit of the app's calls
    10: _DOWN,  # a permission is missing, as with 200 to 299
    33: _DOWN,  # the business' phone number was deleted
    INVALID_PARAMETER: _REJECTED,  # an invalid parameter, which may be the recipient's number
    104: _DOWN,  # no token
    190: _DOWN,  # the token is invalid or has expired
    368: _DOWN,  # temporarily blocked for a policy violation
    613: _SLOWER,  # limit of Graph API calls
    80007: _SLOWER,  # limit of the business account's calls
    130429: _SLOWER,  # throughput of the phone number
    130472: _REJECTED,  # the recipient is part of an experiment
    130497: _REJECTED,  # the account may not message this country
    131000: _TEMPORARY,  # unknown error
    131005: _DOWN,  # access denied
    131008: _REJECTED,  # a parameter is missing
    131009: _REJECTED,  # a parameter has a bad value
    131016: _TEMPORARY,  # the service is unavailable
    131021: _REJECTED,  # the recipient is the sending number
    131026: _REJECTED,  # undeliverable: not on WhatsApp, and other causes
    131030: _REJECTED,  # the recipient is not on the list of a test number
    131031: _DOWN,  # the account is locked
    131037: _DOWN,  # the display name is not approved
    131042: _DOWN,  # payment problem
    131043: _REJECTED,  # the message expired
    131044: _DOWN,  # payment problem
    131045: _DOWN,  # certificate or registration fault
    131047: _REJECTED,  # more than 24 hours since the recipient's last message
    131048: _Rule(Throttled, wait=3_600),  # too many people block or report the number: wait at least an hour
    131049: _REJECTED,  # not delivered "to maintain healthy ecosystem engagement"
    131050: _Rule(Rejected, opt_out=True),  # the recipient stopped marketing messages
    131051: _BAD,  # the message type is not supported
    131052: _Rule(Temporary, tries=1, then=Rejected),  # a user's media cannot be downloaded
    MEDIA_FAILED: _Rule(Temporary, tries=3, then=Rejected),  # our media could not be uploaded or fetched
    131056: _Rule(Throttled, scope="recipient"),  # too many messages to this recipient (pair limit)
    131057: _Rule(Throttled, wait=120),  # maintenance, which ends by itself within minutes
    131062: _REJECTED,  # a business-scoped user id in place of a phone number
    131063: _BAD,  # marketing templates are disabled on the Cloud API
    131064: _DOWN,  # limited because of templates in a wrong category
    132000: _BAD,  # wrong number of template parameters
    132001: _BAD,  # there is no such template in this language
    132005: _REJECTED,  # the filled template is too long
    132007: _BAD,  # the template violates the content policy
    132008: _REJECTED,  # format of a template parameter
    132012: _REJECTED,  # format of a template parameter
    132015: _BAD,  # the template is paused
    132016: _BAD,  # the template is disabled
    132018: _REJECTED,  # format of a template parameter
    132068: _BAD,  # the flow is blocked
    132069: _Rule(Throttled, wait=360),  # the flow is throttled: 10 messages an hour
    133000: _DOWN,  # registration, PIN or verification fault
    133004: _TEMPORARY,  # the registration server is unavailable
    133005: _DOWN,  # registration, PIN or verification fault
    133006: _DOWN,  # registration, PIN or verification fault
    133008: _DOWN,  # registration, PIN or verification fault
    133009: _DOWN,  # registration, PIN or verification fault
    133010: _DOWN,  # the phone number is not registered
    133015: _DOWN,  # registration, PIN or verification fault
    133016: _DOWN,  # too many registrations and deregistrations
    135000: _Rule(Temporary, tries=1),  # generic error of the request
    137000: _REJECTED,  # the hash of the recipient's identity key does not match
}
_PERMISSIONS: Final = range(200, 300)
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class MetaError:
    """One error from Meta. ``text`` is Meta's own, and may hold secrets and phone numbers."""

    code: int
    text: str
    is_transient: bool

    @classmethod
    def read(cls, error: object) -> "MetaError | None":
        """Read an error; None if it has no code.

        :param error: the value of ``error`` in an answer, or one of ``errors`` in a webhook.
        """
        if not isinstance(error, dict):
            return None
        code = _read_code(error.get("code"))
        return None if code is None else cls(code, _text_of(error), error.get("is_transient") is True)

    def is_about_media(self, media_id: str) -> bool:
        """Check whether the error may mean that Meta has no file with this id. Code 100 may be about any parameter."""
        names_media = media_id in self.text or "media" in self.text.lower()
        return self.code == MEDIA_FAILED or (self.code == INVALID_PARAMETER and names_media)


def classify(error: MetaError, *, attempt: int | None = None, reply: Reply | None = None) -> SendError:
    """Return what an error means.

    :param attempt: the number of the send attempt, from 1; None for an error from a webhook, which allows no retry.
    :param reply: the answer that held the error.
    """
    rule = _rule_for(error, reply)
    kind, reason, detail = _kind_of(rule, attempt), str(error.code), blank_numbers(error.text)
    retry_after = reply.retry_after if reply is not None else None
    if kind is Throttled:
        own_wait = _pair_wait(attempt or 1) if rule.scope == "recipient" else rule.wait
        return Throttled(reason, detail, retry_after=max(own_wait, retry_after or 0) or None, scope=rule.scope)
    if kind is Temporary:
        return Temporary(reason, detail, retry_after=retry_after)
    if kind is Rejected:
        return Rejected(reason, detail, opt_out=rule.opt_out)
    return kind(reason, detail)


def refusal_of(reply: Reply, *, attempt: int, secret: str) -> SendError | None:
    """Return the error of an answer; None for a success.

    :param attempt: the number of the send attempt, from 1.
    :param secret: is removed from the error's text, because the Graph API repeats a malformed token.
    """
    error = error_in(reply)
    if error is not None:
        return classify(replace(error, text=error.text.replace(secret, "…")), attempt=attempt, reply=reply)
    if reply.is_success:
        return None
    return status_error(replace(reply, content=reply.content.replace(secret.encode(), b"")))


def error_in(reply: Reply) -> MetaError | None:
    """Return Meta's error in an answer; None if it has none."""
    return MetaError.read(reply.document.get("error")) if isinstance(reply.document, dict) else None


def error_without_send(error: SendError, *, rejected: type[SendError]) -> SendError:
    """Return what an error means for a request that sends no message, so that no recipient is the cause.

    :param rejected: the error for a refusal.
    """
    if isinstance(error, OutcomeUnknown):
        return Temporary(error.reason, error.detail)
    return rejected(error.reason, error.detail) if isinstance(error, Rejected) else error


def _rule_for(error: MetaError, reply: Reply | None) -> _Rule:
    rule = _DOWN if error.code in _PERMISSIONS else _RULES.get(error.code)
    if rule is not None:
        return rule
    if error.is_transient:
        return _TEMPORARY
    return _SLOWER if reply is not None and reply.status == TOO_MANY_REQUESTS else _REJECTED


def _kind_of(rule: _Rule, attempt: int | None) -> type[SendError]:
    if rule.tries is None:
        return rule.error
    if attempt is None:
        return Rejected
    return rule.error if attempt <= rule.tries else rule.then


def _pair_wait(attempt: int) -> float:
    """Return the seconds to wait as Meta advises: 4 to the power of the retries so far."""
    return min(4.0 ** (attempt - 1), LONGEST_PAIR_WAIT)


def _read_code(code: object) -> int | None:
    if isinstance(code, str) and _DIGITS.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _text_of(error: Mapping[str, Any]) -> str:
    """Return the first non-empty text of an error; ``error_data`` may be an object with details, or a text."""
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else data
    texts = (details, error.get("error_user_msg"), error.get("message"), error.get("title"))
    return next((text for text in texts if isinstance(text, str) and text), "")
