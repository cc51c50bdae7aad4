"""The requests that leave: for one message, or to check a number, a message or the connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue, SecretStr

from wabroadcast_core import MediaFile, OutgoingMessage, scalar_text
from wabroadcast_plugins.senders.http_api.calls import SECRETS, Call
from wabroadcast_plugins.senders.http_api.paths import plain_text
from wabroadcast_plugins.senders.http_api.texts import (
    ABSENT,
    MEDIA_ITEMS,
    TEMPLATE_ITEMS,
    TemplateValues,
    TextTree,
    compile_tree,
    fill_tree,
    names_in,
)
from wabroadcast_plugins.senders.shared.media import data_uri


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Its path and arguments may hold secrets, so they are not in its ``repr``."""

    method: str
    path: str = field(repr=False)
    arguments: dict[str, Any] = field(repr=False)
    """Further arguments of ``httpx.AsyncClient.request``."""


class RequestTemplate:
    """A request whose texts are compiled, so that it can be rendered many times.

    :param body: the body of the call, or one of its bodies.
    :param headers: headers of every request of the connection; the headers of the call override them.
    """

    def __init__(self, call: Call, body: JsonValue, *, headers: Mapping[str, str]) -> None:
        self._method = call.method
        self._format = call.format
        self._path = compile_tree(call.path, names=call.names)
        self._query = compile_tree(call.query, names=call.names)
        self._headers = _merge_headers(headers, call)
        self._body = compile_tree(body, names=call.names)
        self.names = names_in(self._path, self._query, self._headers, self._body)

    def fill(self, values: TemplateValues) -> Request:
        """Render the request.

        :raises Rejected: a text cannot be rendered for this recipient.
        """
        arguments = self._body_arguments(values)
        if headers := fill_tree(self._headers, values):
            arguments["headers"] = headers
        if query := _form_fields(fill_tree(self._query, values)):
            arguments["params"] = query
        return Request(self._method, fill_tree(self._path, values), arguments)

    def _body_arguments(self, values: TemplateValues) -> dict[str, Any]:
        body = fill_tree(self._body, values)
        if body is None or body is ABSENT:
            return {}
        match self._format:
            case "json":
                return {"json": body}
            case "form":
                return {"data": _form_fields(body)}
            case "multipart":
                return {"files": {name: _part(value) for name, value in body.items() if value is not None}}


def message_values(
    message: OutgoingMessage, secrets: Mapping[str, SecretStr], *, file: MediaFile | None, encoded: str | None
) -> dict[str, Any]:
    """Return the values that a request for a message may use.

    :param file: the message's file, if the request uses more than its address.
    :param encoded: the file in base64, if the request uses that.
    """
    return {
        **number_values(message.number, secrets),
        "message_id": message.message_id,
        "type": message.type,
        "text": message.text,
        "name": message.name,
        "media": _media_values(message, file, encoded) if "media" in message.content else dict.fromkeys(MEDIA_ITEMS),
        "template": dict.fromkeys(TEMPLATE_ITEMS) | (message.content.get("template") or {}),
        "variables": {name: value for name, value in message.variables.items() if value is not None},
    }


def number_values(number: str, secrets: Mapping[str, SecretStr]) -> dict[str, Any]:
    """Return the values that a request for a number may use."""
    return {"number": number, "digits": number.lstrip("+"), **secret_values(secrets)}


def secret_values(secrets: Mapping[str, SecretStr]) -> dict[str, Any]:
    """Return the secrets as the values that every request may use."""
    return {"secrets": {name: secret.get_secret_value() for name, secret in secrets.items()}}


def _media_values(message: OutgoingMessage, file: MediaFile | None, encoded: str | None) -> dict[str, Any]:
    url, filename = message.content["media"].get("url"), message.content.get("filename")
    values = {**dict.fromkeys(MEDIA_ITEMS), "url": url, "filename": filename, "caption": message.text}
    if file is not None:
        content_type = file.content_type
        values |= {"filename": filename or file.filename, "content_type": content_type, "file": file}
        values |= {"base64": encoded, "data_uri": encoded and data_uri(content_type, encoded)}
    return values


def _merge_headers(headers: Mapping[str, str], call: Call) -> TextTree:
    merged = {name.lower(): (name, compile_tree(text, name, names=SECRETS)) for name, text in headers.items()}
    merged |= {name.lower(): (name, compile_tree(text, name, names=call.names)) for name, text in call.headers.items()}
    return dict(merged.values())


def _form_fields(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _field_text(value) for name, value in values.items() if value is not None}


def _field_text(value: Any) -> str:
    return scalar_text(value) if isinstance(value, float) else plain_text(value)


def _part(value: Any) -> tuple[str | None, str | bytes] | tuple[str | None, str | bytes, str]:
    if isinstance(value, MediaFile):
        return value.filename, value.content, value.content_type
    return None, _field_text(value)
