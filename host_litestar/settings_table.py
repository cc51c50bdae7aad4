"""The settings as the table in the README: ``python -m host_litestar.settings_table`` prints it."""

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from wabroadcast_core.settings import Settings
from wabroadcast_plugins.settings import PluginSettings


def settings_table() -> str:
    """Return a Markdown table of all settings: environment variable, default, meaning."""
    return "\n".join(["| environment variable | default | meaning |", "| --- | --- | --- |", *_rows()])


def _rows() -> Iterator[str]:
    for name, field in {**Settings.model_fields, **PluginSettings.model_fields}.items():
        yield f"| `WABROADCAST_{name.upper()}` | {_default_of(field)} | {field.description or ''} |"


def _default_of(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, list):
        default = ", ".join(default)
    return f"`{default}`" if default not in (None, "") else ""


if __name__ == "__main__":
    print(settings_table())  # noqa: T201 - the module is run to print it
