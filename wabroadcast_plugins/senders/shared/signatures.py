"""Whose a webhook call is: a token in its address, or an HMAC of its body; all compared in constant time."""

import hmac
import secrets
from typing import Literal, TypeAlias

from pydantic import SecretStr

from wabroadcast_core import WebhookRefusedError, WebhookRequest

Algorithm: TypeAlias = Literal["sha256", "sha512"]


def same_text(given: str, expected: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is."""
    return secrets.compare_digest(given.encode(errors="replace"), expected.encode())


def require_token(request: WebhookRequest, token: SecretStr | None) -> None:
    """:raises WebhookRefusedError: the address called does not end in ``?token=…`` with this token, or none is set."""
    if token is None or not token.get_secret_value():
        raise WebhookRefusedError(
            "this provider proves nothing by itself: set webhookToken, and end the address it calls in ?token=…"
        )
    if not same_text(request.query.get("token", ""), token.get_secret_value()):
        raise WebhookRefusedError(
            "the address called has not the token of this connection: it must end in ?token= and the webhookToken"
        )


def hmac_of(request: WebhookRequest, secret: str, algorithm: Algorithm = "sha256") -> str:
    """The HMAC of a call's body, in small hexadecimal digits."""
    return hmac.new(secret.encode(), request.body, algorithm).hexdigest()


def is_signed(
    request: WebhookRequest, secret: str, *, header: str, prefix: str = "", algorithm: Algorithm = "sha256"
) -> bool:
    """Whether a header of a call is the hexadecimal HMAC of its body. :param prefix: stands before the digits."""
    expected = prefix + hmac_of(request, secret, algorithm)
    return same_text(request.headers.get(header.lower(), "").lower(), expected.lower())


def require_signature(
    request: WebhookRequest,
    secret: SecretStr,
    *,
    header: str,
    set_there: str,
    prefix: str = "",
    algorithm: Algorithm = "sha256",
) -> None:
    """:param set_there: what the secret is called at the provider.

    :raises WebhookRefusedError: the call is not signed with the secret, or none is set.
    """
    key = secret.get_secret_value()
    if not key:
        raise WebhookRefusedError(f"no webhookSecret is set: give this connection {set_there}")
    if not is_signed(request, key, header=header, prefix=prefix, algorithm=algorithm):
        raise WebhookRefusedError(f"{header} is not made with this connection's webhookSecret")
