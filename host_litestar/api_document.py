"""The OpenAPI document as a caller gets it: completed by what Litestar does not know, and written as JSON or YAML."""

from typing import Any, Final

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from host_litestar.scopes import scope_of

KEY_SCHEME: Final = "apiKey"

_WEBHOOK_ANSWERS = {
    "200": {"description": "The call is stored; or the challenge of a verification.", "content": {"text/plain": {}}},
    "400": {"description": "The call has too many fields."},
    "403": {
        "description": "There is no such connection, or the signature or token of the provider is missing or wrong. "
        "The answer is the same for each of them; the server's log has the reason."
    },
    "413": {"description": "The body is too large."},
    "503": {"description": "The store cannot be reached; the provider calls again."},
}
WEBHOOK_PATHS: dict[str, Any] = {
    "/webhooks/{connection}": {
        "parameters": [{"name": "connection", "in": "path", "required": True, "schema": {"type": "string"}}],
        **{
            method: {
                "operationId": operation_id,
                "tags": ["Webhooks"],
                "description": description,
                "security": [{}],
                "responses": _WEBHOOK_ANSWERS,
            }
            for method, operation_id, description in (
                (
                    "get",
                    "VerifyWebhook",
                    "Answer the verification of a provider. It needs the provider's token, no key.",
                ),
                ("post", "TakeWebhook", "Take a call of a provider. It needs the provider's proof, no key."),
            )
        },
    }
}


class JsonDocument(JsonRenderPlugin):
    """The OpenAPI document as JSON."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the document as this caller reaches the API."""
        return super().render(request, complete_document(request, openapi_schema))


class YamlDocument(YamlRenderPlugin):
    """The OpenAPI document as YAML."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Render the document as this caller reaches the API."""
        return super().render(request, complete_document(request, openapi_schema))


def complete_document(request: Request[Any, Any, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the path under which the application is mounted, the scopes, and the webhooks.

    Litestar knows none of them: the first is of the request, and the webhooks are plain ASGI.
    """
    servers = [{"url": request.scope.get("root_path") or "/"}]
    paths = {path: _with_scopes(item) for path, item in document["paths"].items()}
    return {**document, "servers": servers, "paths": {**paths, **WEBHOOK_PATHS}}


def _with_scopes(item: dict[str, Any]) -> dict[str, Any]:
    """Return the calls of a path, each with the scope that an API key needs for it, as OpenAPI 3.1 writes roles."""
    return {key: {**_security_of(part), **part} if isinstance(part, dict) else part for key, part in item.items()}


def _security_of(call: dict[str, Any]) -> dict[str, Any]:
    scope = scope_of(call.get("operationId"))
    return {} if scope is None else {"security": [{KEY_SCHEME: [scope]}]}
