"""What Meta's error codes mean for a send: one table, for answers and for webhooks alike.

It is the code that decides, never the HTTP status: the same codes come with 400, 403 and 429.
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
    error_of,
)

TOO_MANY_REQUESTS: Final = 429
INVALID_PARAMETER: Final = 100
MEDIA_FAILED: Final = 131053
LONGEST_PAIR_WAIT: Final = 86_400.0  # seconds; 4 to the power of the attempt passes it at the tenth


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a code is taken. ``tries``: attempts after which it is no longer temporary but ``then``."""

    error: type[SendError]
    tries: int | None = None
    then: type[SendError] = BadMessage
    wait: float = 0.0  # seconds, of Throttled
    scope: Literal["connection", "recipient"] = "connection"  # of Throttled
    opt_out: bool = False


_TEMPORARY: Final = _Rule(Temporary)
_SLOWER: Final = _Rule(Throttled)
_REJECTED: Final = _Rule(Rejected)  # where everybody is, the engine's circuit breaker stops the broadcast
_BAD: Final = _Rule(BadMessage)
_DOWN: Final = _Rule(ConnectionDown)

_RULES: Final[Mapping[int, _Rule]] = {
    0: _DOWN,  # the token is invalid or has expired
    1: _Rule(Temporary, tries=2),  # a bad request, or a fault of the server
    2: _TEMPORARY,  # the service is down
    3: _DOWN,  # the app may not do this
    4: _SLOWER,  # the app's calls
    10: _DOWN,  # a permission is missing; so it is with 200 to 299
    33: _DOWN,  # the business' phone number was deleted
    INVALID_PARAMETER: _REJECTED,  # an invalid parameter, a bad number too
    104: _DOWN,  # no token
    190: _DOWN,  # the token is invalid or has expired
    368: _DOWN,  # blocked for a while, for policy
    613: _SLOWER,  # Graph calls
    80007: _SLOWER,  # the business account's calls
    130429: _SLOWER,  # throughput
    130472: _REJECTED,  # this user is part of an experiment
    130497: _REJECTED,  # the account may not message this country
    131000: _TEMPORARY,  # unknown
    131005: _DOWN,  # access denied
    131008: _REJECTED,  # a parameter is missing
    131009: _REJECTED,  # a parameter has a bad value
    131016: _TEMPORARY,  # the service is unavailable
    131021: _REJECTED,  # to oneself
    131026: _REJECTED,  # undeliverable: not on WhatsApp, and more
    131030: _REJECTED,  # not on a test number's list
    131031: _DOWN,  # the account is locked
    131037: _DOWN,  # the display name is not approved
    131042: _DOWN,  # payment
    131043: _REJECTED,  # the message expired
    131044: _DOWN,  # payment
    131045: _DOWN,  # certificate, registration
    131047: _REJECTED,  # more than a day since the user wrote
    131048: _Rule(Throttled, wait=3_600),  # too many people block or report: an hour at least
    131049: _REJECTED,  # not delivered, "to maintain healthy ecosystem engagement"
    131050: _Rule(Rejected, opt_out=True),  # the user stopped marketing messages
    131051: _BAD,  # no such message type
    131052: _Rule(Temporary, tries=1, then=Rejected),  # a user's media cannot be downloaded
    MEDIA_FAILED: _Rule(Temporary, tries=3, then=Rejected),  # our media could not be uploaded or fetched
    131056: _Rule(Throttled, scope="recipient"),  # too many messages to this user
    131057: _Rule(Throttled, wait=120),  # maintenance; it ends by itself within minutes
    131062: _REJECTED,  # a user id where a phone number is wanted
    131063: _BAD,  # no marketing templates here
    131064: _DOWN,  # limited for templates of the wrong category
    132000: _BAD,  # the number of template parameters
    132001: _BAD,  # no such template in this language
    132005: _REJECTED,  # the filled template is too long
    132007: _BAD,  # content policy
    132008: _REJECTED,  # a template parameter's format
    132012: _REJECTED,
    132015: _BAD,  # the template is paused
    132016: _BAD,  # the template is disabled
    132018: _REJECTED,
    132068: _BAD,  # the flow is blocked
    132069: _Rule(Throttled, wait=360),  # the flow is throttled: 10 messages an hour
    133000: _DOWN,  # registration, PIN and verification
    133004: _TEMPORARY,  # the registration server is unavailable
    133005: _DOWN,
    133006: _DOWN,
    133008: _DOWN,
    133009: _DOWN,
    133010: _DOWN,  # the phone number is not registered
    133015: _DOWN,
    133016: _DOWN,
    135000: _Rule(Temporary, tries=1),  # generic
    137000: _REJECTED,  # the hash of the user's identity key
}
_PERMISSIONS: Final = range(200, 300)
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class MetaError:
    """One error as Meta tells it. ``words`` are its own, and may hold anything."""

    code: int
    words: str
    is_transient: bool

    @classmethod
    def read(cls, error: object) -> "MetaError | None":
        """:param error: what is under ``error`` in an answer, or one of ``errors`` in a webhook."""
        if not isinstance(error, dict):
            return None
        code = _read_code(error.get("code"))
        return None if code is None else cls(code, _words_of(error), error.get("is_transient") is True)

    def is_about_media(self, media_id: str) -> bool:
        """Whether it may say that this medium is not, or no longer, there. 100 is said of any parameter."""
        named = media_id in self.words or "media" in self.words.lower()
        return self.code == MEDIA_FAILED or (self.code == INVALID_PARAMETER and named)


def classify(error: MetaError, *, attempt: int | None = None, reply: Reply | None = None) -> SendError:
    """What an error means.

    :param attempt: of the send, from 1; None where it was told by a webhook, and nothing is tried again.
    :param reply: the answer that it came with.
    """
    rule = _rule_for(error, reply)
    kind, reason, detail = _kind_of(rule, attempt), str(error.code), blank_numbers(error.words)
    asked = reply.retry_after if reply is not None else None
    if kind is Throttled:
        own = _pair_wait(attempt or 1) if rule.scope == "recipient" else rule.wait
        return Throttled(reason, detail, retry_after=max(own, asked or 0) or None, scope=rule.scope)
    if kind is Temporary:
        return Temporary(reason, detail, retry_after=asked)
    if kind is Rejected:
        return Rejected(reason, detail, opt_out=rule.opt_out)
    return kind(reason, detail)


def refusal_of(reply: Reply, *, attempt: int, secret: str) -> SendError | None:
    """The error that an answer tells; None where it tells none.

    :param secret: is left out of its words: Graph repeats a token that it finds malformed.
    """
    error = error_in(reply)
    if error is not None:
        return classify(replace(error, words=error.words.replace(secret, "…")), attempt=attempt, reply=reply)
    if reply.is_success:
        return None
    return error_of(replace(reply, content=reply.content.replace(secret.encode(), b"")))


def error_in(reply: Reply) -> MetaError | None:
    return MetaError.read(reply.document.get("error")) if isinstance(reply.document, dict) else None


def unsent(error: SendError, *, rejected: type[SendError]) -> SendError:
    """What an error means that a request met which sends nothing: no message left, and no recipient is at fault.

    :param rejected: what a refusal is then.
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
    """Meta's advice: 4 to the power of the retries so far."""
    return min(4.0 ** (attempt - 1), LONGEST_PAIR_WAIT)


def _read_code(code: object) -> int | None:
    if isinstance(code, str) and _DIGITS.fullmatch(code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _words_of(error: Mapping[str, Any]) -> str:
    """The first that says something; the details may be a text of their own."""
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else data
    found = (details, error.get("error_user_msg"), error.get("message"), error.get("title"))
    return next((words for words in found if isinstance(words, str) and words), "")
