"""The settings, read from the environment."""

from typing import get_origin

import pytest
from pydantic import ValidationError

from wabroadcast_core import Settings

LISTS = [name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is list]


def test_the_help_of_the_settings_says_what_each_is_for() -> None:
    assert [name for name in Settings.model_fields if f":param {name}: " not in (Settings.__doc__ or "")] == []


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_comma_separated_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    texts = {"callback_events": "broadcast.changed, message.results,"}
    monkeypatch.setenv(f"WABROADCAST_{name.upper()}", texts.get(name, "10.1.0.0/16, 10.2.0.0/16,"))

    assert len(getattr(Settings(), name)) == 2


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id="without-the-prefix"),
        pytest.param("whsec_c2hvcnQ=", id="short"),
        pytest.param("whsec_MfKQ9r8GKYqr.TwjUPD8ILPZIo2LaLaSw", id="not-base64"),
        pytest.param("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,old", id="one-of-two"),
    ],
)
def test_a_secret_of_callbacks_in_another_form_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand -base64 32") as refused:
        Settings.model_validate({"callback_secret": secret})

    assert not any(part in str(refused.value) for part in ("MfKQ", "c2hv"))


def test_an_address_of_callbacks_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="leave them out") as refused:
        Settings.model_validate({"callback_url": "https://me:hidden@main.example/"})

    assert "hidden" not in str(refused.value)
