"""Answers of the server as the commands read them: one that is not the server's is one clear error."""

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import httpx

from host_litestar.cli.errors import RefusedError

if TYPE_CHECKING:
    from pydantic import BaseModel

AnyModel = TypeVar("AnyModel", bound="BaseModel")

_WAY_OUT = "check that WABROADCAST_URL is a wabroadcast server of this version"


class Answer(dict[str, Any]):
    """An object of an answer. A field that it lacks is an error for the user, as a proxy may have answered."""

    def __missing__(self, key: str) -> NoReturn:
        """Refuse an answer without a field.

        :raises RefusedError: always.
        """
        raise RefusedError(f"the answer has no field {key!r}: {_WAY_OUT}")


def read_json(response: httpx.Response) -> Answer:
    """Return the JSON object of a response; an empty one for a response without a body.

    :raises RefusedError: the body is no JSON object, or its ``items`` are no list of objects, as in all our lists.
    """
    try:
        content = response.json(object_hook=Answer) if response.content else Answer()
    except (ValueError, RecursionError):  # a page of a proxy, or bytes that are no UTF-8
        content = None
    if not isinstance(content, Answer):
        raise RefusedError(f"the answer is no JSON object: {_WAY_OUT}")
    entries = content.get("items", [])
    if not isinstance(entries, list) or not all(isinstance(entry, Answer) for entry in entries):
        raise RefusedError(f"the field 'items' of the answer is no list of objects: {_WAY_OUT}")
    return content


def read_model(model: type[AnyModel], answer: object) -> AnyModel:
    """Return an answer as a model.

    :raises RefusedError: its fields are not those of the model.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(answer)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise RefusedError(f"the answer has no valid field {place!r}: {_WAY_OUT}") from error
