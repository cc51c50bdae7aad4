"""The webhook for hosts without an ASGI framework: a call as plain values in, a status and a text out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from wabroadcast_core.errors import BroadcastError, NotFoundError, UnavailableError, WebhookRefusedError
from wabroadcast_core.inbound.intake import WebhookIntake
from wabroadcast_core.inbound.refusals import REFUSAL
from wabroadcast_core.inbound.webhook_forms import FIELDS, FORM_BYTES, WebhookForm
from wabroadcast_core.models.receipt import WebhookRequest

ANSWER_SECONDS: Final = 30.0  # after them the provider is asked to call again
ACKNOWLEDGEMENT: Final = "ok"
AWAY: Final = (HTTPStatus.SERVICE_UNAVAILABLE.value, "the server cannot take calls now: call again")


def answer_webhook(
    intake: WebhookIntake, method: str, path: str, *, headers: Mapping[str, str], body: bytes, most_bytes: int
) -> tuple[int, str]:
    """Verify and store a provider's call, and return the status and the text to answer with.

    :param path: ends with the name of the connection, and with the query string of the call if it has one.
    :param body: as it was received: signatures are computed over its bytes.
    :param most_bytes: the largest body.
    """
    if method not in {"GET", "POST"}:
        return HTTPStatus.METHOD_NOT_ALLOWED, "webhooks have only GET and POST"
    address = urlsplit(path)
    fields = {name.lower(): value for name, value in headers.items()}
    form = WebhookForm(fields.get("content-type", ""), body)
    if len(body) > (min(FORM_BYTES, most_bytes) if form.is_form else most_bytes):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"
    if max(form.count_fields(), address.query.count("&") + 1) > FIELDS:
        return HTTPStatus.BAD_REQUEST, f"the call has more than {FIELDS:,} fields"
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    request = WebhookRequest(method=method, query=query, headers=fields, body=body, form=form)
    return _answer(intake, address.path.rstrip("/").rpartition("/")[2], request)


def _answer(intake: WebhookIntake, connection: str, request: WebhookRequest) -> tuple[int, str]:
    try:
        reply = intake.take(connection, request).result(ANSWER_SECONDS)
    except (NotFoundError, WebhookRefusedError):  # the caller may be a stranger
        return HTTPStatus.FORBIDDEN, REFUSAL
    except (UnavailableError, TimeoutError):  # the text of the first one names addresses
        return AWAY
    except BroadcastError:
        return HTTPStatus.INTERNAL_SERVER_ERROR, "internal error: the server's log has the cause"
    return HTTPStatus.OK, ACKNOWLEDGEMENT if reply is None else reply
