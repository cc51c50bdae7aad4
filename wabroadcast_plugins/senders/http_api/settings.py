"""What the operator of a connection says about the API of its server."""

from collections.abc import Iterator
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from wabroadcast_core import Model
from wabroadcast_plugins.senders.http_api.calls import (
    SECRETS,
    Call,
    ConnectionCall,
    FindCall,
    HeaderName,
    NumberCall,
    SendCall,
    check_texts,
    without_own_headers,
)
from wabroadcast_plugins.senders.http_api.matches import FailureRule
from wabroadcast_plugins.senders.http_api.texts import Tree, compile_tree, texts_in
from wabroadcast_plugins.senders.http_api.webhook import SecretName, Webhook


def _checked_address(address: str) -> str:
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("there is no host in it")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("it ends with its path, and no name or password is in it: those go into secrets")
    return address


class HttpSettings(Model):
    base_url: Annotated[str, AfterValidator(_checked_address)] = Field(
        pattern=r"^https?://\S+$", max_length=2_048, description="Address of the API, with the path all calls share."
    )
    timeout_seconds: float = Field(30, gt=0, le=600, description="How long an answer may take.")
    secrets: dict[SecretName, SecretStr] = Field(
        default_factory=dict, description="Tokens and passwords; templates ask for them as {{ secrets.name }}."
    )
    headers: dict[HeaderName, str] = Field(default_factory=dict, description="Of every request.")
    send: SendCall
    failures: list[FailureRule] = Field(
        default_factory=list, max_length=64, description="What answers to send mean that are no success."
    )
    check_number: NumberCall | None = None
    find_message: FindCall | None = None
    check_connection: ConnectionCall | None = None
    webhook: Webhook | None = None

    @field_validator("secrets")
    @classmethod
    def _fit_for_a_header(cls, secrets: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in secrets.items():
            text = secret.get_secret_value()
            if not text or not text.isprintable():
                raise ValueError(f"{name}: it is empty, or a line break or control character is in it")
        return secrets

    @field_validator("headers")
    @classmethod
    def _fit_for_every_request(cls, headers: dict[str, str]) -> dict[str, str]:
        check_texts(headers, names=SECRETS)
        return without_own_headers(headers)

    @model_validator(mode="after")
    def _secrets_are_there(self) -> Self:
        for place, name in self._secrets_asked_for():
            if name not in self.secrets:
                raise ValueError(f"{place}: there is no such entry in secrets")
        return self

    @model_validator(mode="after")
    def _finds_by_an_id_it_gave(self) -> Self:
        for kind in self.send.types() if self.find_message else ():
            if "message_id" not in self.send.names_of(self.send.body_of(kind)):
                raise ValueError(f"findMessage: send gives no message_id with {kind}, so it cannot be asked for")
        return self

    def _secrets_asked_for(self) -> Iterator[tuple[str, str]]:
        """Every place that asks for a secret, and its name."""
        for place, tree in self._trees():
            for text in texts_in(tree):
                for name in text.names:
                    if name.startswith("secrets."):
                        yield ".".join(filter(None, (place, text.place))), name.removeprefix("secrets.")
        if self.webhook is not None:
            yield "webhook.proof.secret", self.webhook.proof.secret

    def _trees(self) -> Iterator[tuple[str, Tree]]:
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
