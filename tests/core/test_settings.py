"""The settings, read from the environment."""

from typing import get_origin

import pytest

from wabroadcast_core import Settings

LISTS = [name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is list]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_comma_separated_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"WABROADCAST_{name.upper()}", "10.1.0.0/16, 10.2.0.0/16,")

    assert len(getattr(Settings(), name)) == 2
