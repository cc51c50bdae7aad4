"""Opt-out and opt-in words, and their order."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.store.harness import StoreHarness
from wabroadcast_core import Settings
from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.outcomes.opt_outs import Consent, ConsentWords, opt_in, opt_out, plain_words
from wabroadcast_core.store import blacklist as blacklist_store

NUMBER = "+6281200000000"
WORDS = ConsentWords.of(stop=Settings().stop_words, start=Settings().start_words)


def _read(text: str, **fields: str) -> Consent | None:
    return WORDS.read(Inbound("+6281200000000", text, at=1.0, **fields))  # type: ignore[arg-type]  # the table's words


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("STOP", "stop", id="capitals"),
        pytest.param("  stop!!! 🙏\n", "stop", id="marks-and-emoji"),
        pytest.param("*Berhenti*", "stop", id="bold"),
        pytest.param("Batal  langganan.", "stop", id="two-words"),
        pytest.param("Unsubscribe", "stop", id="english"),
        pytest.param("ＳＴＯＰ", "stop", id="full-width"),  # noqa: RUF001 - some keyboards write these characters
        pytest.param("Stop promotions", "stop", id="metas-button"),
        pytest.param("Unsubscribe from All", "stop", id="metas-other-button"),
        pytest.param("STOP PROMOSI", "stop", id="metas-button-in-indonesian"),
        pytest.param("Berhenti berlangganan dari semua", "stop", id="metas-other-button-in-indonesian"),
        pytest.param("UNREG", "stop", id="as-in-sms"),
        pytest.param("unreg promo", "stop", id="as-in-sms-with-its-keyword"),
        pytest.param("Opt-out of promotions", "stop", id="hyphen"),
        pytest.param("Tolong hentikan!", "stop", id="politely"),
        pytest.param("mulai", "start", id="start"),
        pytest.param("jangan stop promosi ya, saya suka", None, id="do-not-stop"),
        pytest.param("jangan berhenti", None, id="do-not-end"),
        pytest.param("promosi", None, id="the-object-alone"),
        pytest.param("Batal", None, id="cancels-something-else"),
        pytest.param("Cancel", None, id="cancels-an-order"),
        pytest.param("Don't stop", None, id="part-of-a-text"),
        pytest.param("stop dulu ya, besok lagi", None, id="a-sentence"),
        pytest.param("non stop", None, id="another-word"),
        pytest.param("", None, id="nothing"),
        pytest.param("🙏", None, id="only-an-emoji"),
    ],
)
def test_only_a_message_whose_whole_text_is_one_of_the_words_counts(text: str, meaning: Consent | None) -> None:
    assert _read(text) == meaning


@pytest.mark.parametrize(
    ("fields", "meaning"),
    [
        pytest.param({"payload": "STOP"}, "stop", id="payload"),
        pytest.param({"payload": "order-77"}, None, id="another-payload"),
        pytest.param({"preference": "stop"}, "stop", id="set-in-whatsapp"),
        pytest.param({"preference": "resume"}, "start", id="resumed-in-whatsapp"),
    ],
)
def test_buttons_and_the_preference_in_whatsapp_count_too(fields: dict[str, str], meaning: Consent | None) -> None:
    assert _read("Ya, tentu", **fields) == meaning


def test_the_preference_in_whatsapp_counts_before_the_text() -> None:
    assert _read("stop", preference="resume") == "start"


@given(st.text())
def test_plain_words_stay_unchanged(text: str) -> None:
    assert plain_words(plain_words(text)) == plain_words(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_stop_word_among_other_words_is_no_opt_out(before: str, after: str) -> None:
    around = [text for text in (plain_words(before), plain_words(after)) if text]

    meaning = _read(f"{before} stop {after}")

    assert (
        meaning is None
        or not around
        or " ".join([*around, "stop"]) in WORDS.stop | {word for word in WORDS.stop if word.startswith("stop ")}
    )


@pytest.mark.parametrize("order", list(itertools.permutations([("stop", 1.0), ("start", 2.0), ("stop", 3.0)])))
def test_a_last_stop_counts_in_any_order_of_arrival(
    harness: StoreHarness, order: tuple[tuple[str, float], ...]
) -> None:
    harness.now = 100.0
    for word, at in order:
        with harness.unit() as unit:
            if word == "stop":
                opt_out(unit, NUMBER, reason="wrote a stop word", at=at)
            else:
                opt_in(unit, NUMBER, at=at)

    with harness.database.read() as conn:
        assert blacklist_store.listed_reasons(conn, [NUMBER])


def _listed(harness: StoreHarness) -> bool:
    with harness.database.read() as conn:
        return bool(blacklist_store.listed_reasons(conn, [NUMBER]))


@pytest.mark.parametrize("source", ["operator", "person"])
def test_a_stop_that_is_delivered_again_after_a_later_opt_in_has_no_effect(harness: StoreHarness, source: str) -> None:
    harness.now = 1_000.0
    with harness.unit() as unit:
        opt_out(unit, NUMBER, reason="wrote a stop word", at=900.0)
    with harness.unit() as unit:
        if source == "operator":
            blacklist_store.remove_number(unit.conn, NUMBER, source="ani", now=1_000.0)
        else:
            opt_in(unit, NUMBER, at=1_000.0)

    harness.now = 2_000.0
    with harness.unit() as unit:
        changed = opt_out(unit, NUMBER, reason="wrote a stop word", at=900.0)
        announced = list(unit.opted_out)

    assert (changed, announced, _listed(harness)) == (False, [], False)


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(1_500.0, id="later"),
        pytest.param(999.0, id="too-close-for-clocks-that-differ"),
        pytest.param(None, id="time-unknown"),
    ],
)
def test_a_stop_that_may_be_later_than_the_opt_in_blocks(harness: StoreHarness, at: float | None) -> None:
    harness.now = 1_000.0
    with harness.unit() as unit:
        opt_out(unit, NUMBER, reason="wrote a stop word", at=900.0)
        blacklist_store.remove_number(unit.conn, NUMBER, source="ani", now=1_000.0)

    harness.now = 2_000.0
    with harness.unit() as unit:
        assert opt_out(unit, NUMBER, reason="wrote a stop word", at=at)

    assert _listed(harness)


def test_an_opt_in_that_was_processed_late_does_not_hide_the_stop_after_it(harness: StoreHarness) -> None:
    harness.now = 10_000.0
    for word, at in [("stop", 100.0), ("start", 200.0), ("stop", 5_000.0)]:
        with harness.unit() as unit:
            opt_out(unit, NUMBER, reason="x", at=at) if word == "stop" else opt_in(unit, NUMBER, at=at)

    assert _listed(harness)


def test_an_opt_in_ends_earlier_opt_outs_also_those_with_a_time_in_the_future(harness: StoreHarness) -> None:
    harness.now = 100.0
    with harness.unit() as unit:
        assert opt_out(unit, NUMBER, reason="wrote a stop word", at=9e9)
        assert not opt_out(unit, NUMBER, reason="wrote a stop word", at=50.0)

    with harness.unit() as unit:
        assert not opt_in(unit, NUMBER, at=99.0)
        assert opt_in(unit, NUMBER, at=100.0)
