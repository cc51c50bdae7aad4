"""The route of named queries, and the faults of a source that names one."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.query_files import write_queries
from wabroadcast_core import Settings


@pytest.fixture
def host_settings(host_settings: Settings, tmp_path: Path) -> Settings:
    query = {
        "description": "Customers of a city",
        "url": "mysql://app:s3cret@db.inside/shop",
        "sql": "SELECT phone FROM customers WHERE city = :city",
        "parameters": {"city": "text"},
        "columns": {"phone": "number"},
    }
    return host_settings.model_copy(update={"queries": write_queries(tmp_path / "queries.toml", in_city=query)})


def test_the_queries_are_listed_with_their_parameters_only(idle_api: Any) -> None:
    answer = idle_api.get("/contacts/queries")

    assert answer.status_code == 200
    assert answer.json()["items"] == [
        {"name": "in_city", "description": "Customers of a city", "parameters": {"city": "text"}}
    ]


def test_without_queries_the_list_is_empty(host_settings: Settings) -> None:
    settings = host_settings.model_copy(update={"queries": None})

    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        assert client.get("/contacts/queries").json()["items"] == []


def test_every_fault_of_a_query_source_is_named(idle_api: Any) -> None:
    source = {"type": "database", "query": "in_city", "parameters": {"town": "Bandung"}}
    body = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "source": source}

    answer = idle_api.post("/broadcast", json=body)

    assert answer.status_code == 400
    assert {error["path"] for error in answer.json()["errors"]} == {"source.parameters.city", "source.parameters.town"}
    assert "s3cret" not in answer.text
