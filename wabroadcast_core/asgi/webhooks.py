"""The webhooks as an ASGI application: each call is verified, stored and answered at once; a worker processes it later.

It is plain ASGI in the Litestar host too, because there are many such calls, one for each step of each message, and the
path of a framework from a request to a handler would cost more than everything that is done here.
"""

import asyncio

from wabroadcast_core.asgi.protocol import ASGIApp, Receive, Scope, Send, http_app, send_response
from wabroadcast_core.asgi.webhook_reader import ClientDisconnectedError, WebhookReader
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.inbound.webhook_answers import ANSWERED, answer_error, answer_reply, check_method, last_segment


def webhook_app(broadcaster: Broadcaster) -> ASGIApp:
    """Create an ASGI application of the webhooks alone, which any ASGI framework mounts under a path.

    It serves ``GET`` and ``POST /{connection}`` below any path, and needs no API key: the sender verifies the
    provider's signature or token. The broadcaster is started and closed by the host.
    """
    reader = WebhookReader(most_bytes=broadcaster.settings.max_webhook_bytes)

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = answer_reply(await _take(broadcaster, reader, scope, receive))
        except ClientDisconnectedError:
            return
        except ANSWERED as error:
            answer = answer_error(error)
        await send_response(send, *answer)

    return http_app(respond)


async def _take(broadcaster: Broadcaster, reader: WebhookReader, scope: Scope, receive: Receive) -> str | None:
    """Read, verify and store a call; its limits are the same where there is no such connection.

    :returns: the text to answer a handshake with; None for any other call.
    """
    check_method(scope["method"])
    name, intake = last_segment(scope["path"]), broadcaster.webhooks
    if not intake.knows(name):
        try:
            await asyncio.wrap_future(intake.find(name))
        except NotFoundError:
            await reader.read(scope, receive)  # its size or its fields may be refused, as of any connection
            raise
    return await intake.take_on_loop(name, await reader.read(scope, receive))
