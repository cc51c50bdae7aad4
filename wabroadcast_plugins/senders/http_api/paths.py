"""Paths of values in a JSON document, such as ``messages.0.id``."""

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator

from wabroadcast_core import Sentence

LONGEST: Final = 512  # characters
DEEPEST: Final = 32  # steps
EACH: Final = "*"  # the step to every item of a list


@dataclass(frozen=True, slots=True)
class Path:
    """A path as its steps: the keys of objects, and the positions in lists, counted from 0."""

    steps: tuple[str, ...]

    @classmethod
    @functools.lru_cache(maxsize=1_024)  # a few paths are parsed again for each answer and each webhook call
    def parse(cls, text: str, *, many: bool = False) -> Self:
        """Parse a path.

        :param many: whether ``*`` may stand for every item of a list.
        :raises ValueError: the text is not a path.
        """
        steps = tuple(text.split("."))
        if not all(steps) or any(step != step.strip() for step in steps):
            reason = "the path has an empty step or a blank: write names and positions as in messages.0.id"
            raise ValueError(Sentence("path_form", reason))
        if len(steps) > DEEPEST or len(text) > LONGEST:
            reason = "the path is too long: use at most {steps} steps and {most} characters"
            raise ValueError(Sentence("long_path", reason, steps=DEEPEST, most=LONGEST))
        if EACH in steps and not many:
            reason = "the path contains '{each}', but must lead to one value: use a position, such as 0"
            raise ValueError(Sentence("path_to_many", reason, each=EACH))
        return cls(steps)

    def find(self, document: Any) -> Any:
        """Return the value at the path; None if there is none."""
        return next(self.find_all(document), None)

    def find_all(self, document: Any) -> Iterator[Any]:
        """Return all values at the path, of which there are several only with ``*``."""
        found: Iterable[Any] = [document]
        for step in self.steps:
            found = [item for value in found for item in _take_step(value, step)]
        return iter(found)


def plain_text(value: Any) -> str:
    """Return a value as the text that is compared: a text as it is, other values as JSON, such as ``true``."""
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


def _check_one(text: str) -> str:
    Path.parse(text)
    return text


def _check_many(text: str) -> str:
    Path.parse(text, many=True)
    return text


PathText = Annotated[str, AfterValidator(_check_one)]
ManyPathText = Annotated[str, AfterValidator(_check_many)]
