"""Settings and requests that all gateways have in common: a base address with paths below it, and a time limit."""

from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from wabroadcast_core import BadMessage, ConnectionDown, Model, Reply, SendError, send_request
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.refusals import status_error
from wabroadcast_plugins.senders.shared.setting_types import Address


class GatewaySettings(Model):
    """The settings that every gateway needs."""

    base_url: Address = Field(description="Address of the gateway, with its base path if it has one.")
    timeout_seconds: float = Field(30, gt=0, le=600, description="Longest time in seconds that the gateway may take.")

    def address_of(self, path: str) -> str:
        """Return the address of a path below the base address."""
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    def account_at(self, name: str) -> str:
        """Return the identity of an account of this gateway.

        :param name: what the gateway knows the account by.
        """
        address = urlsplit(self.base_url)
        host = (address.hostname or "").rstrip(".")
        port = address.port or (443 if address.scheme.lower() == "https" else 80)
        return f"{host}:{port}{address.path.rstrip('/')} {name}"


async def ask_gateway(
    http: httpx.AsyncClient,
    settings: GatewaySettings,
    method: str,
    path: str,
    *,
    seconds: float | None = None,
    **request: Any,
) -> Reply:
    """Make one request to a gateway and return its reply.

    :param path: below the base address.
    :param seconds: time limit in place of ``timeout_seconds``.
    :param request: as for :func:`wabroadcast_core.send_request`.
    :raises SendError: there is no reply.
    """
    return await send_request(
        http, method, settings.address_of(path), seconds=seconds or settings.timeout_seconds, **request
    )


def error_by_status(reply: Reply, *, kind: str, from_gateway: bool) -> SendError:
    """Return what an error reply means by its HTTP status, where its text does not say it.

    :param kind: of the sender; error reasons begin with it.
    :param from_gateway: whether the reply is certainly the gateway's, not that of a proxy or another server.
    """
    match reply.status:
        case 404 if not from_gateway:
            return ConnectionDown(f"{kind}_not_found", say("gateway_missing"))
        case 413:
            return BadMessage(f"{kind}_too_large", say("request_too_large"))
    return status_error(reply)
