"""The API reference as one HTML page. It has no scripts and loads no other file, so it works without the internet."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment
from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from host_litestar.api_document import complete_document

METHODS = ("get", "put", "post", "patch", "delete")
_TEMPLATE = Path(__file__).with_name("reference.html")


class ReferencePage(OpenAPIRenderPlugin):
    """Litestar plugin that renders the OpenAPI document as that page."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        document = complete_document(request, openapi_schema)
        template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
            _TEMPLATE.read_text(encoding="utf-8")
        )
        return template.render(info=document["info"], calls=list_calls(document)).encode()


def list_calls(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the page shows of each call, ordered by tag, path and method."""
    calls = [
        {
            "tag": (operation.get("tags") or [""])[0],
            "method": method.upper(),
            "path": path,
            "text": operation.get("description", ""),
            "scope": _scope(operation),
            "parameters": [_parameter(parameter) for parameter in operation.get("parameters", [])],
            "examples": _examples(operation.get("requestBody", {})),
            "media_types": list(operation.get("requestBody", {}).get("content", {})),
            "answers": [_answer(status, answer) for status, answer in sorted(operation["responses"].items())],
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return sorted(calls, key=lambda call: (call["tag"], call["path"], call["method"]))


def _scope(operation: dict[str, Any]) -> str | None:
    """Return the scope of the API key that a call needs; None if it needs no key."""
    return next((scope for way in operation.get("security", []) for scopes in way.values() for scope in scopes), None)


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter.get("schema", {})
    options = schema.get("enum") or [option for part in schema.get("oneOf", []) for option in part.get("enum", [])]
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "text": parameter.get("description") or " | ".join(map(str, options)),
    }


def _answer(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "text": answer.get("description", ""), "examples": _examples(answer)}


def _examples(body: dict[str, Any]) -> list[str]:
    return [
        json.dumps(example["value"], indent=2, ensure_ascii=False)
        for content in body.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]
