"""What border models share: camelCase outside, snake_case inside, unknown fields refused, times with an offset."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from wabroadcast_core.errors import Fault, InvalidInputError


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", serialize_by_alias=True)


DEFAULT_ACTOR = "api"  # who acts, where the host does not say
MESSAGE_TYPES = frozenset({"text", "image", "document", "audio", "video", "template"})
AnyModel = TypeVar("AnyModel", bound=BaseModel)


def parse_model(model: type[AnyModel], data: Any) -> AnyModel:
    """Validate ``data``.

    :raises InvalidInputError: it does not fit; every fault is named with its path.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidInputError(faults_of(error)) from error


def faults_of(error: ValidationError, *, prefix: str = "") -> list[Fault]:
    """Every fault of a pydantic error with its dotted path; no input value is repeated, it may be a secret."""
    return [
        Fault(
            path=".".join(part for part in (prefix, *_plain(detail["loc"])) if part),
            message=detail["msg"].removeprefix("Value error, "),
        )
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _plain(place: Sequence[int | str]) -> list[str]:
    """A place as the body has it: without what pydantic adds for the type that a value was taken for."""
    parts = [str(part) for part in place if part not in {"str", "list[str]"}]
    return parts[:1] + parts[2:] if parts[:1] == ["message"] and parts[1:2] and parts[1] in MESSAGE_TYPES else parts


def as_utc(timestamp: float | None) -> datetime | None:
    """The aware time of a UNIX timestamp (seconds, UTC), as answers show it."""
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def as_timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is named {name!r}") from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


def _within_reason(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a time between the years {FIRST_YEAR} and {LAST_YEAR} is wanted")
    return moment


FIRST_YEAR, LAST_YEAR = 2000, 9000
Moment = Annotated[AwareDatetime, AfterValidator(_within_reason)]
