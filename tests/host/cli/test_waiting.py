"""The sentences for the causes of waiting."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from host_litestar.cli.waiting import SENTENCES, describe_cause, describe_waiting
from wabroadcast_core.models.waiting import (
    CoolDown,
    HigherPriority,
    QuotaUsed,
    RateReached,
    RetryLater,
    Sending,
    WaitingFor,
)

KINDS: tuple[type[BaseModel], ...] = get_args(get_args(WaitingFor)[0])
EXAMPLES: dict[str, Any] = {
    "connection": "main",
    "rows": 5,
    "by": "ani",
    "reason": "busy",
    "since": "2030-01-01T08:00:00Z",
    "messages": 2,
    "batch": 1,
    "rate": {"messages": 20, "perSeconds": 1},
    "jitter": None,
    "jobId": "0b1f",
    "name": "Promo",
    "priority": "high",
    "used": 5,
    "limit": 5,
    "perSeconds": 3600.0,
    "day": 4,
    "factor": 0.5,
    "detail": "plugin crm failed",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_cause_has_a_sentence_that_holds_its_fields(kind: type[BaseModel]) -> None:
    fields = {field.alias or name for name, field in kind.model_fields.items()} - {"code", "until"}
    cause = kind.model_validate({name: EXAMPLES[name] for name in fields}).model_dump(mode="json")

    sentence = describe_cause(cause)

    assert "{" not in sentence
    assert sentence == " ".join(sentence.split())


def test_there_is_no_sentence_without_a_cause() -> None:
    assert SENTENCES.keys() == {kind.model_fields["code"].default for kind in KINDS}


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (
            QuotaUsed(connection="toko", used=5, limit=5, per_seconds=3_600),
            "the quota of connection toko is used up: 5 of 5 messages in 1 h",
        ),
        (
            QuotaUsed(connection="toko", used=5, limit=5, per_seconds=90),
            "the quota of connection toko is used up: 5 of 5 messages in 90 s",
        ),
        (RetryLater(reason="busy"), "the next attempt is later (busy)"),
        (
            RetryLater(reason="blacklist_away", detail="plugin crm failed"),
            "the next attempt is later (blacklist_away: plugin crm failed)",
        ),
        (
            HigherPriority(connection="toko", job_id="0b1f", name="Promo", priority="high"),
            "connection toko sends broadcast 0b1f (Promo) first, whose priority is high",
        ),
    ],
)
def test_a_cause_is_said_in_one_sentence(cause: BaseModel, sentence: str) -> None:
    assert describe_cause(cause.model_dump(mode="json")) == sentence


def test_a_sentence_ends_with_the_time_at_which_the_cause_ends() -> None:
    until = datetime(2030, 1, 2, 9, 12, tzinfo=UTC)
    cause = CoolDown(connection="toko", until=until).model_dump(mode="json")

    assert describe_cause(cause).endswith(f", until {until.astimezone():%a %d %b %Y, %H:%M %Z}")


def test_nothing_is_said_while_messages_leave() -> None:
    assert describe_waiting(RateReached(connection="toko", rate=None, jitter=None).model_dump(mode="json")) is None
    assert describe_waiting(Sending(connection="toko").model_dump(mode="json")) is None
    assert describe_waiting(None) is None
