from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from wabroadcast_core.models.base import faults_of
from wabroadcast_plugins.senders.shared.setting_types import Address, Matches, RequiredSecret


class Settings(BaseModel):
    address: Address = Field("https://gateway.example", description="Address of the gateway.")
    token: RequiredSecret = Field(description="The token.")
    delay: Annotated[str, Matches(r"\d+", "delay must be seconds")] | None = None


@pytest.mark.parametrize("address", ["http://localhost:3000", "https://gateway.example/base/path"])
def test_an_address_is_accepted(address: str) -> None:
    assert Settings.model_validate({"address": address, "token": "t"}).address == address


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        pytest.param({"address": "gateway.example"}, "address: the address must begin with http://", id="no-scheme"),
        pytest.param({"address": "https://a b"}, "address: the address must begin with http://", id="blank"),
        pytest.param({"address": "https://a\n"}, "address: the address must begin with http://", id="line-end"),
        pytest.param({"address": "https://" + "x" * 2_048}, "at most 2,048 characters", id="too-long"),
        pytest.param({"token": ""}, "token: the value is empty", id="empty-secret"),
        pytest.param({"delay": "5 s"}, "delay must be seconds", id="other-text"),
    ],
)
def test_a_fault_says_what_to_enter(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"token": "t", **given})

    assert fault in "; ".join(f"{found.path}: {found.message}" for found in faults_of(caught.value))


def test_the_schema_shows_the_constraints() -> None:
    properties = Settings.model_json_schema()["properties"]

    assert properties["address"]["pattern"] == r"^https?://\S+$"
    assert properties["address"]["maxLength"] == 2_048
    assert (properties["token"]["minLength"], properties["token"]["format"]) == (1, "password")
    assert properties["delay"]["anyOf"][0]["pattern"] == r"\d+"
