"""The checks of every plugin class with a kind and settings."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, SecretBytes, SecretStr

from wabroadcast_core.plugins.class_checks import faults_of_kind, faults_of_settings
from wabroadcast_core.testing.contracts.checking import has_secret, require, require_no_faults

_SECRET_NAME: Final = re.compile(r"(?i)(?<!public_)(token|secret|password|passwd|api_?key|credential)")


class PluginClassContract:
    """The checks of every plugin class with a kind and settings."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """The settings of the plugin under test."""

    @property
    def plugin_class(self) -> Any:
        """The class under test."""
        raise NotImplementedError

    @property
    def package(self) -> str:
        """The top-level package of the plugin, whose lines a fault names."""
        return str(self.plugin_class.__module__).partition(".")[0]

    def make_settings(self) -> BaseModel:
        """Create the settings of the plugin under test."""
        settings: BaseModel = self.plugin_class.Settings.model_validate(dict(self.settings))
        return settings

    def test_its_kind_is_a_short_plain_word(self) -> None:
        require_no_faults(faults_of_kind(self.plugin_class.kind))

    def test_its_settings_have_a_json_schema_for_a_form(self) -> None:
        require_no_faults(faults_of_settings(self.plugin_class.Settings))

    def test_its_secrets_are_of_a_secret_type(self) -> None:
        fields = self.plugin_class.Settings.model_fields
        bare = [
            name for name, field in fields.items() if _SECRET_NAME.search(name) and not _is_secret(field.annotation)
        ]

        require(not bare, f"these settings look like secrets: declare them as SecretStr: {', '.join(bare)}")

    def test_its_settings_never_show_a_secret(self) -> None:
        settings = self.make_settings()
        shown = f"{settings!r} {settings} {settings.model_dump_json()}"

        require(
            not has_secret(shown, settings),
            "the settings show a secret as text or as JSON: leave __repr__, __str__ and the serializer to pydantic",
        )


def _is_secret(annotation: object) -> bool:
    return "Secret" in str(annotation) or annotation in {SecretStr, SecretBytes, bool, int, float}
