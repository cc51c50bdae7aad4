"""Where something stands in a JSON document: ``messages.0.id``."""

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator

LONGEST: Final = 512  # characters
DEEPEST: Final = 32  # steps
EACH: Final = "*"  # the step to every item of a list


@dataclass(frozen=True, slots=True)
class Path:
    """Steps into a document: the keys of objects, the places of lists counted from 0."""

    steps: tuple[str, ...]

    @classmethod
    @functools.lru_cache(maxsize=1_024)  # the same few, for each answer and each call
    def parse(cls, text: str, *, many: bool = False) -> Self:
        """:param many: whether ``*`` may stand for every item of a list.

        :raises ValueError: it is no path.
        """
        steps = tuple(text.split("."))
        if not all(steps) or any(step != step.strip() for step in steps):
            raise ValueError("a path is names and places with dots between them: messages.0.id")
        if len(steps) > DEEPEST or len(text) > LONGEST:
            raise ValueError(f"a path has at most {DEEPEST} steps and {LONGEST} characters")
        if EACH in steps and not many:
            raise ValueError(f"this path leads to one value, '{EACH}' leads to many")
        return cls(steps)

    def find(self, document: Any) -> Any:
        """What stands there; None where nothing does."""
        return next(self.find_all(document), None)

    def find_all(self, document: Any) -> Iterator[Any]:
        """Everything that stands there."""
        found: Iterable[Any] = [document]
        for step in self.steps:
            found = [item for value in found for item in _take_step(value, step)]
        return iter(found)


def plain_text(value: Any) -> str:
    """A value as it is compared: ``true`` for a truth, the JSON of a list or an object."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _take_step(value: Any, step: str) -> Iterable[Any]:
    match value:
        case dict():
            return [value[step]] if step in value else []
        case list() if step == EACH:
            return value
        case list() if step.isdecimal() and int(step) < len(value):
            return [value[int(step)]]
        case _:
            return []


def _checked(text: str) -> str:
    Path.parse(text)
    return text


def _checked_many(text: str) -> str:
    Path.parse(text, many=True)
    return text


PathText = Annotated[str, AfterValidator(_checked)]
ManyPathText = Annotated[str, AfterValidator(_checked_many)]
