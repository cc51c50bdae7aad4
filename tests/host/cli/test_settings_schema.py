"""The list of a plugin's settings: what each needs, whatever the shape of its model."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, SecretStr

from host_litestar.cli.settings_schema import print_settings


class Proxy(BaseModel):
    password: SecretStr
    next: Proxy | None = None


class Route(BaseModel):
    routes: list[Route] = Field(default_factory=list)


class OddSettings(BaseModel):
    """Notes for the operator."""

    proxies: dict[str, Proxy] = Field(default_factory=dict)
    route: Route = Field(default_factory=Route, description="Contains itself.")
    mode: int | str | None = None
    on: bool = False


def test_secrets_are_found_inside_and_a_setting_may_contain_itself(capsys: pytest.CaptureFixture[str]) -> None:
    print_settings(OddSettings.model_json_schema())

    assert capsys.readouterr().out.splitlines() == [
        "Notes for the operator.",
        "SETTING\tTYPE\tNEEDED\tDEFAULT\tMEANING",
        "proxies\tobject\tsecret\t\t",
        "proxies.*.password\tstring\trequired secret\t\t",
        "proxies.*.next\tobject\tsecret\t\t",
        "route\tobject\t\t\tContains itself.",
        "route.routes\tarray\t\t\t",
        "mode\tinteger | string\t\t\t",
        "on\tboolean\t\tfalse\t",
    ]


def test_a_kind_without_settings_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_settings({"properties": {}})

    assert capsys.readouterr().out == "it needs no settings\n"
