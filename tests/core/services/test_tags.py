"""The use cases of tags, on both stores."""

from typing import Any

import pytest

from wabroadcast_core import ConflictError, InvalidInputError, NotFoundError
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.contact import TagView, fold_tag, split_tags
from wabroadcast_core.services import tags as tag_service


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture(autouse=True)
def people(broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create six contacts: every second one has ``even``, every third one ``third``. Steps are short."""
    monkeypatch.setattr(tag_service, "STEP", 2)
    for place in range(6):
        tags = [tag for tag, by in (("even", 2), ("third", 3)) if place % by == 0]
        broadcaster.contacts.save({"number": number(place), "name": f"Orang {place}", "tags": tags})


def number(place: int) -> str:
    return f"+62812{place:08d}"


def tagged(broadcaster: Broadcaster, tag: str) -> list[int]:
    return [int(item.number[-8:]) for item in broadcaster.contacts.list(tag=tag).items]


def tags(broadcaster: Broadcaster) -> dict[str, int]:
    return {tag.name: tag.contacts for tag in broadcaster.tags.list()}


def test_a_tag_is_renamed(broadcaster: Broadcaster) -> None:
    renamed = broadcaster.tags.rename("even", to=" genap ")

    assert renamed == TagView(name="genap", contacts=3)
    assert tags(broadcaster) == {"genap": 3, "third": 2}
    assert tagged(broadcaster, "genap") == [0, 2, 4]
    assert broadcaster.tags.rename("genap", to="genap") == renamed


def test_a_name_of_another_tag_is_refused_with_the_advice_to_merge(broadcaster: Broadcaster) -> None:
    with pytest.raises(ConflictError, match="merge"):
        broadcaster.tags.rename("even", to="third")

    assert tags(broadcaster) == {"even": 3, "third": 2}


def test_several_tags_are_merged_into_one(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": number(6), "tags": ["other"]})

    merged = broadcaster.tags.merge("third", ["even", "third", "other"])

    assert merged == TagView(name="third", contacts=5)
    assert tags(broadcaster) == {"third": 5}
    assert tagged(broadcaster, "third") == [0, 2, 3, 4, 6]


@pytest.mark.parametrize(("into", "source"), [("gone", "even"), ("even", "gone")])
def test_a_merge_with_a_missing_tag_changes_nothing(broadcaster: Broadcaster, into: str, source: str) -> None:
    with pytest.raises(NotFoundError, match="gone"):
        broadcaster.tags.merge(into, ["third", source])

    assert tags(broadcaster) == {"even": 3, "third": 2}


SPELLINGS = [
    "Caf\u00e9 Ramai",
    "cafe\u0301 ramai",
    "CAF\u00c9  RAMAI",
    "Ca\u200bf\u00e9 Ramai\u2060",
    "\uff23\uff41\uff46\u00e9 Ramai",
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=["first", "decomposed", "capitals", "zero-width", "full-width"])
def test_all_spellings_of_a_tag_are_one_tag_in_its_first_spelling(broadcaster: Broadcaster, spelling: str) -> None:
    broadcaster.contacts.save({"number": number(0), "tags": [SPELLINGS[0]]})

    broadcaster.contacts.save({"number": number(1), "tags": [spelling, SPELLINGS[0]]})
    broadcaster.tags.tag_contacts({"numbers": [number(2)], "add": [spelling]})
    added = tagged(broadcaster, spelling)
    broadcaster.tags.tag_contacts({"numbers": [number(1)], "remove": [spelling]})

    assert added == [0, 1, 2]
    assert tagged(broadcaster, SPELLINGS[0]) == [0, 2]
    assert tags(broadcaster)[SPELLINGS[0]] == 2
    assert broadcaster.tags.merge(spelling, [SPELLINGS[0]]).contacts == 2
    assert broadcaster.tags.rename(spelling, to="CAFE") == TagView(name="CAFE", contacts=2)


def test_another_word_is_another_tag(broadcaster: Broadcaster) -> None:
    for place, tag in enumerate(["cafe", "caf\u00e9", "kafe"]):
        broadcaster.contacts.save({"number": number(place), "tags": [tag]})

    assert {tag: tags(broadcaster)[tag] for tag in ("cafe", "caf\u00e9", "kafe")} == {
        "cafe": 1,
        "caf\u00e9": 1,
        "kafe": 1,
    }


def test_a_tag_of_invisible_signs_is_refused(broadcaster: Broadcaster) -> None:
    with pytest.raises(InvalidInputError, match="the tag is empty"):
        broadcaster.contacts.save({"number": number(0), "tags": ["\u200b\u2060"]})


def test_a_control_character_in_a_cell_of_tags_makes_no_other_tag() -> None:
    assert split_tags("vip\0; V\u00adIP,staff\x01|staff") == ["vip", "staff\x01"]
    assert fold_tag("a\tb") == fold_tag("A \u200b b") == "a b"


def test_deleting_a_tag_keeps_its_contacts(broadcaster: Broadcaster) -> None:
    broadcaster.tags.delete("even")

    assert tags(broadcaster) == {"third": 2}
    assert broadcaster.contacts.list().total == 6
    for act in (broadcaster.tags.delete, lambda name: broadcaster.tags.rename(name, to="x")):
        with pytest.raises(NotFoundError):
            act("even")


@pytest.mark.parametrize(
    ("selection", "report", "new", "even"),
    [
        pytest.param(
            {"numbers": ["0812-0000-0001", number(2), number(2), number(9)]},
            {"contacts": 2, "added": 2, "removed": 1, "unknown": 1},
            [1, 2],
            [0, 4],
            id="numbers-as-people-write-them",
        ),
        pytest.param(
            {"filter": {"tag": "third"}},
            {"contacts": 2, "added": 2, "removed": 1, "unknown": 0},
            [0, 3],
            [2, 4],
            id="contacts-with-a-tag",
        ),
        pytest.param(
            {"filter": {"tag": "even"}},
            {"contacts": 3, "added": 3, "removed": 3, "unknown": 0},
            [0, 2, 4],
            [],
            id="contacts-with-the-removed-tag",
        ),
        pytest.param(
            {"filter": {"q": "orang 4"}},
            {"contacts": 1, "added": 1, "removed": 1, "unknown": 0},
            [4],
            [0, 2],
            id="contacts-by-search",
        ),
        pytest.param(
            {"filter": {"tag": "third", "query": "orang 4"}},
            {"contacts": 0, "added": 0, "removed": 0, "unknown": 0},
            [],
            [0, 2, 4],
            id="no-contact",
        ),
        pytest.param(
            {"filter": {}},
            {"contacts": 6, "added": 6, "removed": 3, "unknown": 0},
            [0, 1, 2, 3, 4, 5],
            [],
            id="all-contacts",
        ),
    ],
)
def test_tags_are_added_to_and_removed_from_many_contacts(
    broadcaster: Broadcaster, selection: dict[str, Any], report: dict[str, int], new: list[int], even: list[int]
) -> None:
    done = broadcaster.tags.tag_contacts({**selection, "add": ["new"], "remove": ["even", "gone"]})

    assert done.model_dump() == report
    assert (tagged(broadcaster, "new"), tagged(broadcaster, "even")) == (new, even)
    assert (tags(broadcaster).get("new", 0), tags(broadcaster)["even"]) == (len(new), len(even))


@pytest.mark.parametrize(
    ("tagging", "path"),
    [
        pytest.param({"add": ["x"]}, "", id="no-contacts-given"),
        pytest.param({"numbers": [number(1)], "filter": {}, "add": ["x"]}, "", id="numbers-and-filter"),
        pytest.param({"filter": {}}, "", id="no-tags"),
        pytest.param({"filter": {}, "add": ["x"], "remove": ["x"]}, "", id="added-and-removed"),
        pytest.param({"filter": {}, "add": ["a, b"]}, "add.0", id="two-tags-in-one"),
        pytest.param({"numbers": [number(1), "12"], "add": ["x"]}, "numbers.1", id="no-number"),
    ],
)
def test_an_invalid_tagging_changes_nothing(broadcaster: Broadcaster, tagging: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        broadcaster.tags.tag_contacts(tagging)

    assert [fault.path for fault in caught.value.faults] == [path]
    assert tags(broadcaster) == {"even": 3, "third": 2}
