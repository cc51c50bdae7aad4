"""A form that was not touched changes no stored setting, and a value that was chosen is the one that is stored."""

from enum import IntEnum
from typing import Annotated, Any, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from host_litestar.dashboard.setting_fields import Setting, settings_of
from host_litestar.dashboard.setting_values import read_values, write_values


class Level(IntEnum):
    low = 1
    high = 2


class Inner(BaseModel):
    word: str | None = "inner"
    flag: bool = True
    maybe: bool | None = None
    names: list[str] = ["n"]
    secret: str = ""


class First(BaseModel):
    number: Literal[1] = 1
    shared: str | None = "first"
    own: int = 3


class Second(BaseModel):
    number: Literal[2] = 2
    shared: str | None = "second"
    words: list[str] = ["w"]


Numbered: TypeAlias = Annotated[First | Second, Field(discriminator="number")]


class Wide(BaseModel):
    """Settings of all kinds, with defaults that are not empty."""

    count: int = 7
    share: float | None = 0.5
    text: str | None = "abc"
    plain: str = "a\nb"
    tick: bool = True
    maybe: bool | None = True
    lines: list[str] = ["a"]
    lines_or_none: list[str] | None = ["a"]
    pairs: dict[str, str] = {"a": "b"}
    number: Literal[1, 2, 3] = 2
    mixed: Literal[1, "1", True, " 1", ""] | None = "1"
    level: Level | None = Level.low
    group: Inner = Inner(word="outer")
    group_or_none: Inner | None = Inner()
    items: list[Inner] = [Inner(word="item")]
    variant: Numbered = First(own=4)
    value: int | str | list[int] = 1
    json_value: tuple[float, float] = (1.0, 2.0)


WORDS = st.text('ab1 ,:[]"\n\r\té\u2028', max_size=8)
LINES = st.lists(WORDS, max_size=3)
MAYBE = st.sampled_from([True, False, None])


def some_of(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


INNER = some_of(word=st.none() | WORDS, flag=st.booleans(), maybe=MAYBE, names=LINES, secret=WORDS)
VARIANT = st.one_of(
    some_of(shared=st.none() | WORDS, own=st.integers()).map(lambda one: {"number": 1, **one}),
    some_of(shared=st.none() | WORDS, words=LINES).map(lambda one: {"number": 2, **one}),
)
STORED = some_of(
    count=st.integers(),
    share=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    text=st.none() | WORDS,
    plain=WORDS,
    tick=st.booleans(),
    maybe=MAYBE,
    lines=LINES,
    lines_or_none=st.none() | LINES,
    pairs=st.dictionaries(WORDS, WORDS, max_size=2),
    number=st.sampled_from([1, 2, 3]),
    mixed=st.sampled_from([1, "1", True, " 1", "", None]),
    level=st.sampled_from([1, 2, None]),
    group=INNER,
    group_or_none=st.none() | INNER,
    items=st.lists(INNER, max_size=3),
    variant=VARIANT,
    value=st.integers() | WORDS | st.lists(st.integers(), max_size=2),
    json_value=st.lists(st.floats(0, 1), min_size=2, max_size=2),
)


def fields_of(model: type[BaseModel]) -> list[Setting]:
    return settings_of(model.model_json_schema(by_alias=True))


def sent_by_a_browser(shown: dict[str, str]) -> dict[str, str]:
    """Return the fields as they come back: line breaks are those of forms, and spaces around a text are dropped."""
    lines = {name: text.replace("\r\n", "\n").replace("\r", "\n") for name, text in shown.items()}
    return {name: text.replace("\n", "\r\n").strip() for name, text in lines.items()}


FIELDS = fields_of(Wide)


@given(stored=STORED)
def test_a_form_that_was_not_touched_has_the_stored_settings(stored: dict[str, Any]) -> None:
    found = read_values(FIELDS, sent_by_a_browser(write_values(FIELDS, stored)), stored)

    assert found == stored
    assert repr(dict(sorted(found.items()))) == repr(dict(sorted(stored.items())))  # 1 is not True


@given(stored=STORED)
def test_a_change_of_one_setting_leaves_the_others_as_they_are_stored(stored: dict[str, Any]) -> None:
    sent = {**sent_by_a_browser(write_values(FIELDS, stored)), "settings.count": "10558899001122334456"}

    assert read_values(FIELDS, sent, stored) == {**stored, "count": 10558899001122334456}


@pytest.mark.parametrize(
    ("stored", "typed", "found"),
    [
        pytest.param({}, {"count": "10558899001122334455"}, {"count": 10558899001122334455}, id="long-number"),
        pytest.param({"count": 9}, {"count": "7"}, {}, id="default-again"),
        pytest.param({"text": "x"}, {"text": ""}, {"text": None}, id="emptied-text"),
        pytest.param({"text": None}, {"text": "abc"}, {}, id="default-text"),
        pytest.param({}, {"plain": "x\r\ny"}, {"plain": "x\ny"}, id="line-breaks"),
        pytest.param({"lines": []}, {"lines": "b"}, {"lines": ["b"]}, id="filled-lines"),
        pytest.param({}, {"lines": "", "lines_or_none": ""}, {"lines": [], "lines_or_none": []}, id="emptied-lines"),
        pytest.param({}, {"pairs": ""}, {"pairs": {}}, id="emptied-pairs"),
        pytest.param({}, {"maybe": "false"}, {"maybe": False}, id="no"),
        pytest.param({"maybe": False}, {"maybe": ""}, {"maybe": None}, id="not-set"),
        pytest.param({"maybe": None}, {"maybe": "true"}, {}, id="yes-which-is-the-default"),
        pytest.param({}, {"number": "3"}, {"number": 3}, id="number-of-a-literal"),
        pytest.param({}, {"number": "4"}, {"number": "4"}, id="no-member"),
        pytest.param({}, {"level": "2"}, {"level": 2}, id="member-of-an-enum"),
        pytest.param({}, {"level": ""}, {"level": None}, id="no-member-of-an-enum"),
        pytest.param({}, {"mixed": "1"}, {"mixed": 1}, id="number-beside-an-equal-text"),
        pytest.param({}, {"mixed": "true"}, {"mixed": True}, id="boolean-member"),
        pytest.param({}, {"mixed": '""'}, {"mixed": ""}, id="empty-member"),
        pytest.param({}, {"group_or_none": None}, {"group_or_none": None}, id="unticked-group"),
        pytest.param({}, {"group.word": "inner"}, {"group": {}}, id="own-default-of-a-part"),
        pytest.param(
            {"items": [{"word": "x"}]}, {"items.0.flag": None}, {"items": [{"word": "x", "flag": False}]}, id="item"
        ),
        pytest.param({}, {"variant.number": "2"}, {"variant": {"number": 2}}, id="other-variant"),
    ],
)
def test_what_was_changed_is_stored(
    stored: dict[str, Any], typed: dict[str, str | None], found: dict[str, Any]
) -> None:
    shown = write_values(FIELDS, stored)
    changed = {**shown, **{f"settings.{name}": text for name, text in typed.items()}}

    sent = {name: text for name, text in changed.items() if text is not None}  # None: a box that was unticked

    assert read_values(FIELDS, sent, stored) == found


def test_removed_items_stay_removed_though_the_default_has_some() -> None:
    shown = write_values(FIELDS, {})

    assert read_values(FIELDS, {**shown, "drop.settings.items.0": "on"}) == {"items": []}


class Hidden(BaseModel):
    key: SecretStr = SecretStr("")
    masked: SecretStr = SecretStr("a default that no schema shows")


def test_a_secret_with_a_default_can_be_deleted() -> None:
    fields = fields_of(Hidden)

    assert read_values(fields, {"settings.key": "", "clear.settings.key": "on"}) == {"key": ""}
    assert read_values(fields, {"settings.masked": "", "clear.settings.masked": "on"}) == {"masked": ""}
    assert read_values(fields, {"settings.key": ""}) == {}
