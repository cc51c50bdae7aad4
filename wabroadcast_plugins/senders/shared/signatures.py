"""Proofs that a webhook call comes from the provider: a token in its address, or an HMAC of its body.

Secrets and signatures are compared in constant time.
"""

import hmac
import secrets
from typing import Literal, TypeAlias

from pydantic import SecretStr

from wabroadcast_core import WebhookRefusedError, WebhookRequest

Algorithm: TypeAlias = Literal["sha256", "sha512"]


def same_text(given: str, expected: str) -> bool:
    """Check whether two texts are equal, in a time that does not depend on how much of them is."""
    return secrets.compare_digest(given.encode(errors="replace"), expected.encode())


def require_token(request: WebhookRequest, token: SecretStr | None) -> None:
    """Check the token in the address of a call.

    :raises WebhookRefusedError: the address does not end in ``?token=`` and this token, or no token is set.
    """
    if token is None or not token.get_secret_value():
        raise WebhookRefusedError(
            "no webhookToken is set, and this provider signs nothing: set webhookToken, and end the webhook address "
            "at the provider in ?token= and that token"
        )
    if not same_text(request.query.get("token", ""), token.get_secret_value()):
        raise WebhookRefusedError(
            "the call does not carry this connection's webhookToken: end the webhook address at the provider in "
            "?token= and that token"
        )


def hmac_of(request: WebhookRequest, secret: str, algorithm: Algorithm = "sha256") -> str:
    """Return the HMAC of a call's body, in lower-case hexadecimal digits."""
    return hmac.new(secret.encode(), request.body, algorithm).hexdigest()


def is_signed(
    request: WebhookRequest, secret: str, *, header: str, prefix: str = "", algorithm: Algorithm = "sha256"
) -> bool:
    """Check whether a header of a call is the hexadecimal HMAC of its body.

    :param prefix: the text before the digits.
    """
    expected = prefix + hmac_of(request, secret, algorithm)
    return same_text(request.headers.get(header.lower(), "").lower(), expected.lower())


def require_signature(
    request: WebhookRequest,
    secret: SecretStr,
    *,
    header: str,
    provider_field: str,
    prefix: str = "",
    algorithm: Algorithm = "sha256",
) -> None:
    """Check the signature of a call.

    :param provider_field: what the secret is called at the provider, for the error.
    :param prefix: the text before the digits.
    :raises WebhookRefusedError: the call is not signed with the secret, or no secret is set.
    """
    key = secret.get_secret_value()
    if not key:
        raise WebhookRefusedError(f"no webhookSecret is set: set it to {provider_field}")
    if not is_signed(request, key, header=header, prefix=prefix, algorithm=algorithm):
        raise WebhookRefusedError(
            f"the header {header} does not match this connection's webhookSecret: set it to {provider_field}"
        )
