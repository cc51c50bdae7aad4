"""Types of settings whose errors say what to enter, where pydantic's own would show a regular expression."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from wabroadcast_core import Sentence


@dataclass(frozen=True, slots=True)
class Matches:
    """Annotates a text setting that must match a pattern. The JSON schema shows the pattern.

    :param pattern: a regular expression for the whole text.
    :param message: the error for any other text.
    """

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}

    def _check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(self.message)
        return text


def _check_secret(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError(Sentence("secret_empty", "the value is empty: enter the secret"))
    return secret


Address = Annotated[
    str,
    Field(max_length=2_048),
    Matches(
        r"^https?://\S+$",
        Sentence("address_form", "the address must begin with http:// or https:// and contain no spaces"),
    ),
]
RequiredSecret = Annotated[SecretStr, AfterValidator(_check_secret), Field(json_schema_extra={"minLength": 1})]
