"""The base of all models: camelCase outside, snake_case inside, unknown fields refused, times with an offset."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.fault_texts import fault_text
from wabroadcast_core.sentences import Sentence


class Model(BaseModel):
    """The base class of all models that cross a border."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", serialize_by_alias=True)


def _keep_sentence(value: Any, check: ValidatorFunctionWrapHandler) -> str:
    return value if isinstance(value, Sentence) else str(check(value))


Said = Annotated[str, WrapValidator(_keep_sentence)]
"""A text for people. A sentence keeps its code and its values, as long as it is not written as JSON."""

DEFAULT_ACTOR = "api"  # the actor of an action for which the host names none
MESSAGE_TYPES = frozenset({"text", "image", "document", "audio", "video", "template"})
LONGEST_PATH = 200  # characters of a fault's path
AnyModel = TypeVar("AnyModel", bound=BaseModel)


def parse_model(model: type[AnyModel], data: Any) -> AnyModel:
    """Validate ``data`` and return it as a model.

    :raises InvalidInputError: ``data`` is not valid; every fault is named with its path.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidInputError(faults_of(error)) from error


def faults_of(error: ValidationError, *, prefix: str = "") -> list[Fault]:
    """Return every fault of a pydantic error with its dotted path. Input values are left out: they may be secrets.

    :param prefix: a path to put in front of each.
    """
    return [
        Fault(
            path=shorten(".".join(part for part in (prefix, *_path_parts(detail["loc"])) if part)),
            message=fault_text(detail),
        )
        for detail in error.errors(include_url=False, include_input=False)
    ]


def shorten(path: str) -> str:
    """Return a path as an answer shows it: a name that the caller made up may be long."""
    return path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}…"


def _path_parts(location: Sequence[int | str]) -> list[str]:
    """Return a location as the body has it, without the parts that pydantic adds for the members of a union."""
    parts = [str(part) for part in location if part not in {"str", "list[str]"}]
    return parts[:1] + parts[2:] if parts[:1] == ["message"] and parts[1:2] and parts[1] in MESSAGE_TYPES else parts


LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that a datetime can be


@overload
def as_utc(timestamp: float) -> datetime: ...


@overload
def as_utc(timestamp: float | None) -> datetime | None: ...


def as_utc(timestamp: float | None) -> datetime | None:
    """Return a UNIX timestamp (seconds, UTC) as an aware time, as answers show it.

    One that no calendar has is shown as the nearest time that there is, and one that is no number as the first: one odd
    row must not fail a whole list.
    """
    if timestamp is None:
        return None
    return datetime.fromtimestamp(0 if math.isnan(timestamp) else min(max(timestamp, 0), LAST_SECOND), UTC)


def as_timestamp(moment: datetime | None) -> float | None:
    """Return an aware time as a UNIX timestamp (seconds, UTC)."""
    return None if moment is None else moment.timestamp()


def matching(pattern: str, problem: str) -> tuple[Any, Any]:
    """Return what makes a text of a model match a pattern, which schemas show and callers do not read.

    :param problem: the text of the fault.
    """
    form = re.compile(pattern)

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise ValueError(problem)
        return text

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": pattern})


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            Sentence("no_time_zone", "there is no time zone {name!r}: use an IANA name such as Asia/Jakarta", name=name)
        ) from error
    return name


TimeZone = Annotated[str, AfterValidator(_check_zone)]


def _check_year(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        text = "the year {year} is out of range: it must be between {first} and {last}"
        years = {"year": moment.year, "first": FIRST_YEAR, "last": LAST_YEAR}
        raise ValueError(Sentence("year_out_of_range", text, **{name: str(year) for name, year in years.items()}))
    return moment


FIRST_YEAR, LAST_YEAR = 2000, 9000
Moment = Annotated[AwareDatetime, AfterValidator(_check_year)]
