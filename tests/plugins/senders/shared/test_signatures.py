import hashlib
import hmac

import pytest
from pydantic import SecretStr

from wabroadcast_core import WebhookRefusedError, WebhookRequest
from wabroadcast_plugins.senders.shared.signatures import (
    Algorithm,
    is_signed,
    require_signature,
    require_token,
    same_text,
)

SECRET = "s3cr3t"
BODY = b'{"a":  1}'


def signed(*, prefix: str = "", algorithm: Algorithm = "sha256", secret: str = SECRET) -> WebhookRequest:
    digest = hmac.new(secret.encode(), BODY, getattr(hashlib, algorithm)).hexdigest()
    return WebhookRequest("POST", {}, {"x-signature": prefix + digest}, BODY)


@pytest.mark.parametrize("prefix", ["", "sha256="])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_signature_is_the_hmac_of_the_body(prefix: str, algorithm: Algorithm) -> None:
    request = signed(prefix=prefix, algorithm=algorithm)

    assert is_signed(request, SECRET, header="X-Signature", prefix=prefix, algorithm=algorithm)
    assert not is_signed(request, "another", header="X-Signature", prefix=prefix, algorithm=algorithm)
    assert not is_signed(request, SECRET, header="X-Other", prefix=prefix, algorithm=algorithm)


def test_the_digits_of_a_signature_may_be_in_capitals() -> None:
    request = WebhookRequest("POST", {}, {"x-signature": signed().headers["x-signature"].upper()}, BODY)

    assert is_signed(request, SECRET, header="X-Signature")


@pytest.mark.parametrize(
    ("request_", "secret", "message"),
    [
        pytest.param(signed(secret="another"), SECRET, "X-Signature does not match", id="another-secret"),
        pytest.param(signed(prefix="sha1="), SECRET, "X-Signature does not match", id="another-prefix"),
        pytest.param(
            WebhookRequest("POST", {}, {"x-signature": "\xff\ud800"}, BODY), SECRET, "does not match", id="no-digits"
        ),
        pytest.param(WebhookRequest("POST", {}, {}, BODY), SECRET, "does not match", id="no-signature"),
        pytest.param(signed(secret=""), "", "no webhookSecret is set: set it to its key", id="none-set"),
    ],
)
def test_a_call_that_is_not_signed_is_refused_with_advice(request_: WebhookRequest, secret: str, message: str) -> None:
    with pytest.raises(WebhookRefusedError, match=message) as caught:
        require_signature(request_, SecretStr(secret), header="X-Signature", provider_field="its key")

    assert SECRET not in str(caught.value)


def test_the_token_in_the_address_is_the_proof() -> None:
    require_token(WebhookRequest("POST", {"token": "t0k"}, {}), SecretStr("t0k"))


@pytest.mark.parametrize(
    ("query", "token", "message"),
    [
        pytest.param({"token": "other"}, SecretStr("t0k"), "does not carry", id="another"),
        pytest.param({}, SecretStr("t0k"), "does not carry", id="missing"),
        pytest.param({"token": ""}, SecretStr(""), "set webhookToken", id="an-empty-one-set"),
        pytest.param({"token": ""}, None, "set webhookToken", id="none-set"),
    ],
)
def test_any_other_address_is_refused(query: dict[str, str], token: SecretStr | None, message: str) -> None:
    with pytest.raises(WebhookRefusedError, match=message):
        require_token(WebhookRequest("POST", query, {}), token)


@pytest.mark.parametrize(("given", "same"), [("höök", True), ("hook", False), ("\ud800", False), ("", False)])
def test_texts_of_any_letters_are_compared(given: str, *, same: bool) -> None:
    assert same_text(given, "höök") is same
