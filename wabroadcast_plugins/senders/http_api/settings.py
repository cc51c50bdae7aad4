"""The settings of a connection through any API."""

from collections.abc import Iterator
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from wabroadcast_core import Model, Sentence
from wabroadcast_plugins.senders.http_api.calls import (
    SECRETS,
    Call,
    ConnectionCall,
    FindCall,
    HeaderName,
    NumberCall,
    SendCall,
    check_header_names,
    check_texts,
)
from wabroadcast_plugins.senders.http_api.matches import FailureRule
from wabroadcast_plugins.senders.http_api.texts import SHOWN_ITEMS, TextTree, compile_tree, texts_in
from wabroadcast_plugins.senders.http_api.webhook import SecretName, Webhook
from wabroadcast_plugins.senders.shared.setting_types import Address


def _check_address(address: str) -> str:
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError(
            Sentence("address_without_host", "the address has no host: write it as https://api.example/path")
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        text = "the address has a user, password, query or fragment: remove it, and put secrets into secrets"
        raise ValueError(Sentence("address_with_more", text))
    return address


def _describe_call(purpose: str, call: type[Call]) -> str:
    """Return the description of a request, with the names that its texts may use."""
    names = (f"{name}.{item}" if item else name for name in call.names for item in SHOWN_ITEMS.get(name, [""]))
    return f"The request that {purpose}. Its texts are templates, with the names {', '.join(sorted(names))}."


class HttpSettings(Model):
    """The settings of a connection through any API."""

    base_url: Annotated[Address, AfterValidator(_check_address)] = Field(
        description="Address of the API, with the path that all requests share."
    )
    timeout_seconds: float = Field(30, gt=0, le=600, description="Longest time in seconds that the API may take.")
    secrets: dict[SecretName, SecretStr] = Field(
        default_factory=dict, description="Tokens and passwords; templates use them as {{ secrets.name }}."
    )
    headers: dict[HeaderName, str] = Field(default_factory=dict, description="Headers of every request.")
    send: SendCall = Field(description=_describe_call("sends one message to one person", SendCall))
    failures: list[FailureRule] = Field(
        default_factory=list, max_length=64, description="What answers to send mean that are not a success."
    )
    check_number: NumberCall | None = Field(
        None, description=_describe_call("checks whether a number is on WhatsApp", NumberCall)
    )
    find_message: FindCall | None = Field(
        None, description=_describe_call("finds a message by our id when its outcome is unknown", FindCall)
    )
    check_connection: ConnectionCall | None = Field(
        None, description=_describe_call("checks whether the account can send", ConnectionCall)
    )
    webhook: Webhook | None = None

    @field_validator("secrets")
    @classmethod
    def _check_secrets(cls, secrets: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in secrets.items():
            text = secret.get_secret_value()
            if not text or not text.isprintable():
                reason = "{name}: the secret is empty, or contains a line break or control character"
                raise ValueError(Sentence("secret_form", reason, name=name))
        return secrets

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        check_texts(headers, names=SECRETS)
        return check_header_names(headers)

    @model_validator(mode="after")
    def _check_used_secrets(self) -> Self:
        for place, name in self._used_secrets():
            if name not in self.secrets:
                text = "{place}: the secret it uses is missing: add it to secrets, or correct the name"
                raise ValueError(Sentence("secret_missing", text, place=place))
        return self

    @model_validator(mode="after")
    def _check_find_message(self) -> Self:
        for kind in self.send.types() if self.find_message else ():
            if "message_id" not in self.send.names_of(self.send.body_of(kind)):
                text = "findMessage: the request for {kind} messages has no message_id: add it to send"
                raise ValueError(Sentence("send_without_message_id", text, kind=kind))
        return self

    def _used_secrets(self) -> Iterator[tuple[str, str]]:
        """Yield every place that uses a secret, and the secret's name."""
        for place, tree in self._trees():
            for text in texts_in(tree):
                for name in text.names:
                    if name.startswith("secrets."):
                        yield ".".join(filter(None, (place, text.place))), name.removeprefix("secrets.")
        if self.webhook is not None:
            yield "webhook.proof.secret", self.webhook.proof.secret

    def _trees(self) -> Iterator[tuple[str, TextTree]]:
        yield "headers", compile_tree(self.headers, names=SECRETS)
        calls: dict[str, Call | None] = {
            "send": self.send,
            "checkNumber": self.check_number,
            "findMessage": self.find_message,
            "checkConnection": self.check_connection,
        }
        for name, call in calls.items():
            for place, tree in call.trees() if call else ():
                yield f"{name}.{place}", tree
