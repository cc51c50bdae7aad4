"""The meaning of an answer to a send, by the operator's rules."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from wabroadcast_core import (
    Accepted,
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    Reply,
    SendError,
    Temporary,
    Throttled,
)
from wabroadcast_plugins.senders.http_api.calls import SendCall
from wabroadcast_plugins.senders.http_api.matches import FailureRule, Match
from wabroadcast_plugins.senders.http_api.paths import Path
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.lenient_json import as_text
from wabroadcast_plugins.senders.shared.refusals import status_error

LONGEST_WAIT = 7 * 86_400.0  # seconds


class Scrubber:
    """Removes secrets from a server's answers, because some servers repeat the request."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        forms = {form for secret in secrets for form in _forms_of(secret.get_secret_value())}
        self._secret = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None

    def scrub(self, text: str) -> str:
        """Return the text without secrets."""
        return text if self._secret is None else self._secret.sub("…", text)

    def scrub_reply(self, reply: Reply) -> Reply:
        """Return the reply with content, and thus a summary, without secrets. Its JSON document is unchanged."""
        return replace(reply, content=self.scrub(reply.content.decode(errors="replace")).encode())


def read_answer(reply: Reply, send: SendCall, failures: Sequence[FailureRule]) -> Accepted:
    """Return the accepted message.

    :param send: the call, with the condition for a success.
    :param failures: the rules for failures; the first that fits decides.
    :raises SendError: the answer is not a success.
    """
    for rule in failures:
        if rule.fits(reply.status, reply.document):
            raise _error_by(rule, reply)
    if not is_success(reply, send.success):
        raise _error_without_rule(reply, send.success)
    if send.provider_id is None:
        return Accepted()
    provider_id = as_text(Path.parse(send.provider_id).find(reply.document))
    if not provider_id:
        raise OutcomeUnknown("no_provider_id", say("http_no_provider_id", detail=reply.summary))
    return Accepted(provider_id=provider_id)


def is_success(reply: Reply, match: Match | None) -> bool:
    """Check whether an answer is a success. A condition without a status also needs a status 2xx."""
    if match is None:
        return reply.is_success
    return match.fits(reply.status, reply.document) and (match.status is not None or reply.is_success)


def _error_without_rule(reply: Reply, success: Match | None) -> SendError:
    """Return the error of an answer that is no success and that no rule fits.

    With a status 2xx, the answer is a refusal if the value at the path of ``success`` is present but another one.
    """
    if not reply.is_success:
        return status_error(reply)
    value = None if success is None or success.path is None else Path.parse(success.path).find(reply.document)
    if success is None or value is None or success.is_met(value):
        return OutcomeUnknown("not_understood", say("http_no_success", detail=reply.summary))
    return Rejected("not_accepted", say("http_no_success", detail=reply.summary))


def _error_by(rule: FailureRule, reply: Reply) -> SendError:
    reason, detail = rule.reason or rule.means, reply.summary
    match rule.means:
        case "temporary":
            return Temporary(reason, detail, retry_after=_wait_of(reply, rule))
        case "throttled":
            return Throttled(reason, detail, retry_after=_wait_of(reply, rule), scope=rule.scope)
        case "rejected":
            return Rejected(reason, detail, opt_out=rule.opt_out)
        case "bad_message":
            return BadMessage(reason, detail)
        case "connection_down":
            return ConnectionDown(reason, detail)
        case "unknown":
            return OutcomeUnknown(reason, detail)


def _wait_of(reply: Reply, rule: FailureRule) -> float | None:
    value = None if rule.retry_after is None else Path.parse(rule.retry_after).find(reply.document)
    seconds = _seconds(value)
    return reply.retry_after if seconds is None else seconds


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT else None


def _forms_of(secret: str) -> set[str]:
    """Return the forms that a secret may have in an answer: unchanged, quoted as in an address, escaped as in JSON."""
    in_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return {secret, quote(secret), quote(secret, safe=""), *in_json}
