"""The OpenAPI document: every call has a description and its problem responses, the main calls have examples."""

import json
from typing import Any

import pytest
from litestar.testing import TestClient

from host_litestar.app import create_app
from host_litestar.openapi import (
    CONTACT_EXAMPLE,
    CONTACT_FIELDS_EXAMPLE,
    FILE_EXAMPLE,
    SUBMIT_EXAMPLE,
    SUMMARY_EXAMPLE,
    TAGGING_EXAMPLES,
)
from wabroadcast_core.models.broadcast import BroadcastDraft, BroadcastSummary
from wabroadcast_core.models.contact import ContactPatch, ContactView, Tagging
from wabroadcast_core.models.recipient import Recipient


@pytest.fixture
def document(idle_api: Any) -> dict[str, Any]:
    answer = idle_api.get("/schema/openapi.json")
    assert answer.status_code == 200
    return dict(json.loads(answer.text))


def test_the_submits_body_and_response_have_examples(document: dict[str, Any]) -> None:
    submit = document["paths"]["/broadcast"]["post"]

    body = submit["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) >= {"name", "message", "recipients", "scheduledAt", "sendWindow"}
    assert [example["value"] for example in body["examples"].values()] == [SUBMIT_EXAMPLE, FILE_EXAMPLE]
    assert submit["responses"]["202"]["content"]["application/json"]["examples"]
    assert "$defs" not in json.dumps(body)


def test_the_examples_are_valid() -> None:
    drafts: list[dict[str, Any]] = [{**SUBMIT_EXAMPLE}, {**FILE_EXAMPLE}]
    recipients = drafts[0].pop("recipients")

    assert [BroadcastDraft.model_validate(draft).name for draft in drafts] == ["Promo November"] * 2
    assert [Recipient.model_validate(recipient).name for recipient in recipients] == ["Budi"]
    assert BroadcastSummary.model_validate(SUMMARY_EXAMPLE).status == "scheduled"
    assert ContactPatch.model_validate(CONTACT_FIELDS_EXAMPLE).name == "Budi"
    assert ContactView.model_validate(CONTACT_EXAMPLE).tags == CONTACT_FIELDS_EXAMPLE["tags"]
    assert all(Tagging.model_validate(example).add for example in TAGGING_EXAMPLES.values())


def test_every_call_has_a_description_and_declares_its_problems(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/health") or not isinstance(operation, dict):
                continue
            answers = operation["responses"]
            assert {"400", "401", "503"} <= set(answers), f"{method} {path}"
            assert "application/problem+json" in answers["401"]["content"]
            assert operation["description"], f"{method} {path}"


def test_a_file_response_lists_its_media_types(document: dict[str, Any]) -> None:
    answer = document["paths"]["/contacts/export"]["get"]["responses"]["200"]

    assert [kind.partition("/")[0] for kind in answer["content"]] == ["text", "application"]


def test_names_are_in_camel_case(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    names = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert {name for name in names if "_" in name} == set()


def test_the_reference_page_loads_nothing_else(idle_api: Any) -> None:
    page = idle_api.get("/schema")

    assert page.status_code == 200
    assert "POST /broadcast" in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://127", "")
    assert 'src="' not in page.text


def test_with_keys_the_document_requires_them(host_settings: Any) -> None:
    settings = host_settings.model_copy(update={"api_keys": [host_settings.redis_url]})
    key = host_settings.redis_url.get_secret_value()
    with TestClient(create_app(settings)) as client:
        document = client.get("/schema/openapi.json", headers={"Authorization": f"Bearer {key}"}).json()

    assert document["security"] == [{"apiKey": []}]
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
