"""The OpenAPI document: every call has a description and its problem responses, the main calls have examples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own
from litestar import Litestar
from litestar.routes import HTTPRoute
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
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import HERE
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
            if path.startswith(("/health", "/webhooks")) or not isinstance(operation, dict):
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
    assert "POST /webhooks/{connection}" in page.text
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


# --- the document against the API --------------------------------------------------------------------------------


def examples_of(document: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each example with its call and the schema that it belongs to."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in body.get("content", {}).values():
                    for example in content.get("examples", {}).values():
                        yield f"{method} {path}", content["schema"], example["value"]


def faults_of_value(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [error.message for error in validator.iter_errors(value)]


def answer_schema(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    [content] = document["paths"][path][method]["responses"][str(status)]["content"].values()
    return dict(content["schema"])


def test_every_example_of_the_document_is_valid_by_its_schema(document: dict[str, Any]) -> None:
    found = [(call, faults_of_value(document, schema, value)) for call, schema, value in examples_of(document)]

    assert len(found) >= 12
    assert [(call, faults) for call, faults in found if faults] == []


def test_answers_are_valid_by_their_schemas(idle_api: Any, document: dict[str, Any]) -> None:
    variables = {"whole": 7, "part": 0.5, "text": "x", "yes": True, "none": None}
    person = {"number": "081234567890", "variables": variables}
    job_id = idle_api.post("/broadcast", json={**FILE_EXAMPLE, "source": {"type": "contacts"}}).json()["jobId"]
    calls = [
        ("/contacts", "post", idle_api.post("/contacts", json=person)),
        ("/contacts", "get", idle_api.get("/contacts")),
        ("/contacts", "post", idle_api.post("/contacts", json={"number": 1})),
        ("/contacts/{number}", "get", idle_api.get("/contacts/0")),
        ("/connections", "get", idle_api.get("/connections")),
        ("/connections/kinds", "get", idle_api.get("/connections/kinds")),
        ("/broadcast/jobs", "get", idle_api.get("/broadcast/jobs")),
        ("/broadcast/{jobId}", "get", idle_api.get(f"/broadcast/{job_id}")),
        ("/broadcast/{jobId}/status", "get", idle_api.get(f"/broadcast/{job_id}/status")),
        ("/broadcast/{jobId}/messages", "get", idle_api.get(f"/broadcast/{job_id}/messages")),
        ("/health/ready", "get", idle_api.get("/health/ready")),
    ]

    faults = {
        (path, answer.status_code): faults_of_value(
            document, answer_schema(document, path, method, answer.status_code), answer.json()
        )
        for path, method, answer in calls
    }

    assert {call: found for call, found in faults.items() if found} == {}


def test_a_whole_number_fits_exactly_one_option_of_a_variable(document: dict[str, Any]) -> None:
    variables = document["components"]["schemas"]["ContactView"]["properties"]["variables"]

    assert faults_of_value(document, variables, {"poin": 7, "share": 0.5, "name": "x", "on": True, "none": None}) == []
    assert faults_of_value(document, variables, {"poin": [7]})


def test_a_body_with_an_unknown_field_is_wrong_by_the_schema_too(document: dict[str, Any]) -> None:
    bodies = {
        f"{method} {path}": operation["requestBody"]["content"]["application/json"]["schema"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and "application/json" in operation.get("requestBody", {}).get("content", {})
    }

    looser = [call for call, schema in bodies.items() if not faults_of_value(document, schema, {"nam": "x"})]

    assert len(bodies) >= 10
    assert looser == []


def test_calls_with_a_json_body_declare_413_and_415(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and "application/json" in operation.get("requestBody", {}).get("content", {}):
                assert {"413", "415"} <= set(operation["responses"]), f"{method} {path}"


def test_the_webhooks_are_in_the_document_and_need_no_key(document: dict[str, Any]) -> None:
    paths = document["paths"]

    assert set(paths["/webhooks/{connection}"]) == {"parameters", "get", "post"}
    assert paths["/webhooks/{connection}"]["post"]["security"] == [{}]
    assert paths["/health/live"]["get"]["security"] == [{}]


def test_a_mounted_application_names_its_path_as_the_server(host_settings: Any) -> None:
    with TestClient(create_app(host_settings), base_url=HERE, root_path="/wa") as client:
        document = client.get("/schema/openapi.json").json()

    assert document["servers"] == [{"url": "/wa"}]


def test_two_mounts_in_one_application_have_one_document(host_settings: Any, tmp_path: Path) -> None:
    other = host_settings.model_copy(update={"data_dir": tmp_path / "other", "namespace": "other"})
    mounts = [WABroadcastPlugin(host_settings, path="/a"), WABroadcastPlugin(other, path="/b/c")]
    with TestClient(Litestar(plugins=mounts), base_url=HERE) as client:
        document = client.get("/schema/openapi.json").json()

    operations = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if "operationId" in operation
    }
    assert {"SubmitBroadcast", "BCSubmitBroadcast"} <= operations
    assert "jobId" in document["components"]["schemas"]["BroadcastSummary"]["properties"]


# --- methods and headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/broadcast/jobs", "/contacts", "/contacts/export", "/schema"]
)
def test_head_answers_as_get_does_without_a_body(idle_api: Any, path: str) -> None:
    got, head = idle_api.get(path), idle_api.head(path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_allow_names_all_methods_of_each_path(idle_api: Any) -> None:
    for route in idle_api.app.routes:
        if isinstance(route, HTTPRoute):
            path = route.path_format.replace("{", "").replace("}", "")
            told = idle_api.options(path).headers["allow"].split(", ")
            refused = idle_api.request("TRACE", path).headers["allow"].split(", ")
            assert sorted(told) == sorted(refused) == sorted(route.methods), path


def test_no_response_is_kept_or_taken_for_another_type(idle_api: Any) -> None:
    answers = [
        idle_api.get("/contacts"),
        idle_api.get("/contacts/export"),
        idle_api.get("/contacts/0812"),
        idle_api.get("/nowhere"),
        idle_api.delete("/contacts/081234567890"),
    ]

    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_the_reference_page_may_load_and_run_nothing(idle_api: Any) -> None:
    policy = idle_api.get("/schema").headers["content-security-policy"]

    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_every_parameter_has_a_description(document: dict[str, Any]) -> None:
    operations = [each for path in document["paths"].values() for each in path.values() if isinstance(each, dict)]

    parameters = [parameter for operation in operations for parameter in operation.get("parameters", ())]

    assert len(parameters) > 50
    assert [parameter["name"] for parameter in parameters if not parameter.get("description")] == []


def fields_of(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each field of each schema in a part of the document, also of nested ones, with its path."""
    if isinstance(part, list):
        for place, item in enumerate(part):
            yield from fields_of(item, f"{path}/{place}")
    elif isinstance(part, dict):
        properties = part.get("properties")
        if isinstance(properties, dict) and part.get("type") == "object":
            yield from ((f"{path}/{name}", field) for name, field in properties.items())
        for name, value in part.items():
            if name not in {"example", "examples", "default"}:
                yield from fields_of(value, f"{path}/{name}")


def test_every_field_of_every_schema_has_a_description(document: dict[str, Any]) -> None:
    fields = list(fields_of({"components": document["components"], "paths": document["paths"]}))

    assert len(fields) > 1_000
    assert [path for path, field in fields if not field.get("description")] == []


def test_a_field_that_is_a_model_keeps_its_own_description(document: dict[str, Any]) -> None:
    body = document["paths"]["/broadcast"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert body["properties"]["retry"]["description"].startswith("When a message is tried again")
    assert body["properties"]["priority"]["description"].startswith("Messages of a higher priority leave first")
