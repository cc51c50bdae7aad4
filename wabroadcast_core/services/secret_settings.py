"""Which settings of a sender hold a secret: stored encrypted, kept where a save leaves them out, and never shown."""

from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo


def secret_fields(settings: type[BaseModel]) -> dict[str, frozenset[str]]:
    """Return for each secret of a settings model, by its name in the schema, the names by which it may be given.

    A field with secrets inside counts as one secret.
    """
    return {
        field.alias or name: _names_of(name, field)
        for name, field in settings.model_fields.items()
        if _holds_secret(field.annotation)
    }


def _names_of(name: str, field: FieldInfo) -> frozenset[str]:
    return frozenset(filter(None, (name, field.alias, _text(field.validation_alias))))


def _text(alias: object) -> str | None:
    return alias if isinstance(alias, str) else None


def _holds_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation in {SecretStr, SecretBytes} or any(map(_holds_secret, get_args(annotation)))
