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


def _holds_secret(annotation: Any, around: frozenset[type] = frozenset()) -> bool:
    """Return whether a value of this type holds a secret.

    :param around: the models around it: one may contain itself.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inside = [] if annotation in around else [field.annotation for field in annotation.model_fields.values()]
        return any(_holds_secret(each, around | {annotation}) for each in inside)
    return annotation in {SecretStr, SecretBytes} or any(_holds_secret(each, around) for each in get_args(annotation))
