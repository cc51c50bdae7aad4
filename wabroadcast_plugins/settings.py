"""The settings of the built-in plugins: every name is also an environment variable, ``WABROADCAST_<NAME>``.

A plugin is off until its setting is given.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from wabroadcast_core import SetupError

PREFIX = "WABROADCAST_"

Entries: TypeAlias = Annotated[list[str] | None, NoDecode]  # comma-separated in the environment


class PluginSettings(BaseSettings):
    """What the operator gave the built-in plugins."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    blacklist_file: Path | None = Field(
        None, description="Text file of numbers that must not be messaged, one on each line."
    )
    allowed_countries: Entries = Field(
        None, description="Countries that may be messaged, comma-separated, as in `ID,MY`; others are skipped."
    )
    only_numbers: Entries = Field(
        None, description="For test systems: the only numbers that broadcasts are sent to, comma-separated."
    )
    event_log: Path | None = Field(
        None, description="File to which finished messages, changed broadcasts and received messages are logged."
    )
    event_log_numbers: Literal["masked", "full"] = Field(
        "masked", description="How the event log shows phone numbers: `masked` or `full`."
    )

    @field_validator("allowed_countries", "only_numbers", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("allowed_countries", "only_numbers")
    @classmethod
    def _has_entries(cls, entries: list[str] | None) -> list[str] | None:
        if entries == []:  # would silently turn a protection off
            raise ValueError("the list has no entry: give at least one, or unset the variable")
        return entries

    @field_validator("allowed_countries")
    @classmethod
    def _are_countries(cls, entries: list[str] | None) -> list[str] | None:
        for code in entries or ():
            if code.upper() not in SUPPORTED_REGIONS:
                raise ValueError(f"{code!r} is no country code: use two letters of ISO 3166, as in ID,MY")
        return entries and [code.upper() for code in entries]


def read_plugin_settings() -> PluginSettings:
    """Read the settings from the environment.

    :raises SetupError: a value does not fit; the text names its environment variable.
    """
    try:
        return PluginSettings()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        texts = [
            f"{variable_of(str(fault['loc'][0]))}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults
        ]
        raise SetupError("; ".join(texts)) from None


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"
