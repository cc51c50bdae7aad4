"""The settings as a table, for the README: ``python -m host_litestar.settings_table`` prints it."""

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from wabroadcast_core.settings import Settings


def settings_table() -> str:
    """Every setting in Markdown: its environment name, what it is without one, what it is for."""
    return "\n".join(["| environment variable | default | meaning |", "| --- | --- | --- |", *_rows()])


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        yield f"| `WABROADCAST_{name.upper()}` | {_default_of(field)} | {field.description or ''} |"


def _default_of(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, list):
        default = ", ".join(default)
    return f"`{default}`" if default not in (None, "") else ""


if __name__ == "__main__":
    print(settings_table())  # noqa: T201 - printing is its purpose
