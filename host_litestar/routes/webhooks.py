"""Providers' calls: verified, kept, and answered at once; what they say is worked through later."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from host_litestar.auth import PUBLIC
from host_litestar.problems import problems
from host_litestar.routes.parameters import Engine
from wabroadcast_core.models.receipt import WebhookRequest

LARGEST_CALL = 8 * 1024 * 1024  # bytes
TAKEN = "ok"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

AnyRequest = Request[Any, Any, Any]


class WebhookController(Controller):
    """The provider's proof stands in the place of an API key."""

    path = "/webhooks"
    tags = ("Webhooks",)
    opt = PUBLIC
    request_max_body_size = LARGEST_CALL

    @get("/{connection:str}", operation_id="VerifyWebhook", media_type="text/plain", responses=problems(403, 404))
    async def verify(self, connection: FromPath[str], request: AnyRequest, broadcaster: Engine) -> Response[str]:
        """Answer a provider's handshake."""
        return await _take(broadcaster, connection, await _read(request))

    @post(
        "/{connection:str}",
        status_code=200,
        operation_id="TakeWebhook",
        media_type="text/plain",
        responses=problems(403, 404, 413),
    )
    async def take(self, connection: FromPath[str], request: AnyRequest, broadcaster: Engine) -> Response[str]:
        """Take what a provider tells: receipts, messages of people, news of the account."""
        return await _take(broadcaster, connection, await _read(request))


async def _take(broadcaster: Engine, connection: str, call: WebhookRequest) -> Response[str]:
    said = await asyncio.wrap_future(broadcaster.take_webhook(connection, call))
    return Response(TAKEN if said is None else said, media_type="text/plain")


async def _read(request: AnyRequest) -> WebhookRequest:
    body = await request.body()
    return WebhookRequest(
        method=request.method,
        query={name: request.query_params[name] for name in request.query_params},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        form=await _read_form(request, body),
    )


async def _read_form(request: AnyRequest, body: bytes) -> dict[str, str]:
    """The text fields of a form; files are left out."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == URLENCODED:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    if kind == MULTIPART:
        fields = await request.form()
        return {name: value for name, value in fields.items() if isinstance(value, str)}
    return {}
