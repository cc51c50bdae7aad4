"""On Indonesian pages stands no English sentence of ours: not in acts, failures, pauses, findings, or forms."""

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any, Final

import pytest
from sqlalchemy import insert, update

from host_litestar.dashboard.texts import catalogue
from host_litestar.doctor.texts import TEXTS as DOCTOR
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api, draft
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConnectionDown, words_of
from wabroadcast_core.models.status import AttemptOutcome, ConnectionState, MessageStatus
from wabroadcast_core.reasons.english import CORE as REASONS
from wabroadcast_core.sentence_texts import CORE
from wabroadcast_core.sentences import ONE, Sentence, make_sentence
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.tables import attempts, broadcasts, callback_events, messages
from wabroadcast_plugins.senders.sentences import SENDERS
from wabroadcast_plugins.sentences import CHECKS

ENGLISH: Final = {**CORE, **SENDERS, **CHECKS, **DOCTOR}
KINDS: Final = ("evolution", "fonnte", "gowa", "http", "sandbox", "wablas", "waha", "whatsapp-cloud", "wuzapi")
WORDS: Final = re.compile(r"[a-z]{2,} [a-z]{2,}", re.IGNORECASE)
PLACES: Final = re.compile(r"`[^`]*`|\{[^}]*\}")
VALUES: Final[Mapping[str, Any]] = {"n": 2, "status": "failed", "reason": "http_404", "fields": ["name", "status"]}


def _parts_of(text: str) -> Iterator[str]:
    """Yield the parts of a text between its places and commands that are words of English."""
    for part in PLACES.split(text):
        if WORDS.search(part):
            yield " ".join(part.split())


def _english_parts() -> set[str]:
    """Return the English of our sentences, and of the dashboard's texts that are another in Indonesian."""
    ours, english = catalogue("id"), catalogue("en")
    texts = [text for key, text in english.items() if text != ours.get(key)]
    pairs = [text for pair in REASONS.values() for text in pair]
    return {part for text in (*ENGLISH.values(), *texts, *pairs) for part in _parts_of(text)}


PARTS: Final = _english_parts()


def english_on(page: ShownPage) -> list[str]:
    """Return the English sentences of ours on a page, beside its text for the support."""
    for support in page.soup.select("textarea#support"):
        support.decompose()
    assert page.status == 200, page.text
    assert page.find("html")["lang"] == "id"
    assert page.soup.select("main [lang=en]") == []
    said = " ".join(page.soup.get_text(" ").split())
    return [part for part in PARTS if part in said]


def sentence_of(code: str) -> Sentence:
    """Return a sentence with a value in each of its places."""
    places = [name for _, name, _, _ in Formatter().parse(ENGLISH[code]) if name]
    return make_sentence(ENGLISH, code, **{name: VALUES.get(name, "x7") for name in places})


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Any], idle_api: Api) -> Broadcaster:
    del idle_api  # it has started it
    return idle_host[0]


@pytest.fixture
def job_id(idle_api: Api, broadcaster: Broadcaster) -> str:
    """A broadcast whose audience is read, though no worker sends it."""
    people = [{"number": f"+62812000000{place:02}", "name": "Budi"} for place in range(3)]
    made: str = idle_api.post("/broadcast", json=draft(recipients=people, connection="sandbox")).json()["jobId"]
    broadcaster.handlers.prepare(_key_of(broadcaster, made))
    return made


def _key_of(broadcaster: Broadcaster, job_id: str) -> int:
    with broadcaster.context.database.read() as conn:
        return int(conn.execute(broadcasts.select().where(broadcasts.c.job_id == job_id)).mappings().one()["id"])


def test_the_english_of_our_sentences_is_found_where_it_stands(pages: FormBrowser, halaman: FormBrowser) -> None:
    assert len(PARTS) > 500
    english = pages.open("/ui/settings/system").text
    assert [part for part in PARTS if part in english] != []
    assert english_on(halaman.open("/")) == []


def test_each_sentence_is_in_indonesian_in_the_activity_and_in_a_history(
    halaman: FormBrowser, broadcaster: Broadcaster, job_id: str
) -> None:
    codes = sorted({code.removesuffix(ONE) for code in ENGLISH})
    key, now = _key_of(broadcaster, job_id), broadcaster.context.clock.now()
    with broadcaster.context.database.write() as conn:
        for code in codes:
            values: dict[str, Any] = {"action": "change", "actor": code, "now": now, "broadcast_id": key}
            audit_log.record_action(conn, detail=sentence_of(code), **values)

    shown, page = [], halaman.open("/ui/activity")
    while True:
        shown.append(page)
        if page.soup.select_one("a[rel=next]") is None:
            break
        page = page.follow("Yang lebih lama")

    assert {code for code in codes if not any(f" {code} " in one.text for one in shown)} == set()
    assert [part for one in shown for part in english_on(one)] == []
    assert english_on(halaman.open(f"/ui/broadcasts/{job_id}")) == []


def test_what_people_and_providers_wrote_stands_as_a_quotation(
    halaman: FormBrowser, broadcaster: Broadcaster, job_id: str
) -> None:
    words = "too late: 3 messages had left, 0 under way"  # as an earlier version stored it
    with broadcaster.context.database.write() as conn:
        values: dict[str, Any] = {"action": "undo", "actor": "Rina", "now": broadcaster.context.clock.now()}
        audit_log.record_action(conn, broadcast_id=_key_of(broadcaster, job_id), detail=words, **values)

    quoted = halaman.open("/ui/activity").find("q")

    assert (quoted.text, quoted["dir"], quoted.has_attr("lang")) == (words, "auto", False)


def test_the_acts_of_people_are_in_indonesian_with_their_details(
    halaman: FormBrowser, idle_api: Api, broadcaster: Broadcaster, job_id: str
) -> None:
    idle_api.post("/contacts", json={"number": "+6281200000009", "tags": ["lama"]})
    broadcaster.tags.rename("lama", to="baru", actor="Rina")
    broadcaster.tags.tag_contacts({"numbers": ["+6281200000009"], "add": ["vip"], "remove": ["baru"]}, actor="Rina")
    copied = broadcaster.drafts.copy(job_id, actor="Rina")
    idle_api.post(f"/broadcast/pause/{job_id}")
    message = idle_api.get(f"/broadcast/{job_id}/messages").json()["items"][0]["messageId"]
    idle_api.post(f"/broadcast/{job_id}/messages/{message}/cancel")
    broadcaster.blacklist.add("+6281200000008", actor="Rina")

    page = halaman.open("/ui/activity")

    assert english_on(page) == []
    for said in ("menjadi baru", "1 kontak; ditambah vip; dilepas baru", f"salinan dari broadcast {job_id}", "pesan 0"):
        assert said in page.text, page.text
    assert copied.draft_id in page.text
    assert english_on(halaman.open(f"/ui/broadcasts/{job_id}/people/{message}")) == []


def test_a_connection_that_the_engine_paused_says_why_in_indonesian(
    halaman: FormBrowser, broadcaster: Broadcaster, job_id: str
) -> None:
    lost = words_of(ConnectionDown("no_certain_answer", make_sentence(CORE, "provider_lost", n=5, reason="http_502")))
    with broadcaster.context.database.write() as conn:
        now, key = broadcaster.context.clock.now(), connection_store.find_connection(conn, "sandbox")
        assert key is not None
        connection_store.set_state(conn, key["id"], ConnectionState.PAUSED, reason=lost, now=now)
        values: dict[str, Any] = {"action": "pause", "actor": "engine", "now": now, "connection_id": key["id"]}
        audit_log.record_action(conn, detail=lost, **values)

    for path in ("/", "/ui/connections", "/ui/connections/sandbox", "/ui/activity", f"/ui/broadcasts/{job_id}"):
        page = halaman.open(path)
        assert english_on(page) == []
        assert "5 pengiriman berturut-turut berakhir tanpa jawaban yang pasti" in page.text, path


@pytest.mark.parametrize("language", ["en", "id"])
def test_what_stopped_a_broadcast_is_said_by_its_meaning_and_not_by_its_code(
    idle_api: Api, broadcaster: Broadcaster, job_id: str, language: str
) -> None:
    code = "sandbox_bad_message"
    lost = words_of(ConnectionDown(code, sentence_of("sandbox_rejects")))
    values: dict[str, Any] = {"action": "pause", "actor": "engine", "now": broadcaster.context.clock.now()}
    key = _key_of(broadcaster, job_id)
    with broadcaster.context.database.write() as conn:
        paused = {"status": "paused", "status_reason": lost}
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(**paused))
        audit_log.record_action(conn, broadcast_id=key, detail=lost, **values)
    meaning = broadcaster.reasons.explain(code, language=language).meaning.removesuffix(".")

    for path in ("/ui/activity", f"/ui/broadcasts/{job_id}"):
        page = FormBrowser(idle_api, language=language).open(path)
        assert f"{meaning}: " in page.text, page.text
        assert code not in page.find("main").get_text()


def test_a_failed_message_and_a_callback_say_why_in_indonesian(
    halaman: FormBrowser, idle_api: Api, broadcaster: Broadcaster, job_id: str
) -> None:
    key, now = _key_of(broadcaster, job_id), broadcaster.context.clock.now()
    detail = make_sentence(SENDERS, "simulated", event=sentence_of("sandbox_rejects"), ending="0103")
    slow = make_sentence(CORE, "receiver_slow", seconds=15.0)
    attempt = {"message_id": message_key(key, 0), "attempt": 1, "at": now, "outcome": AttemptOutcome.FAILED}
    attempt |= {"reason": "unreachable", "detail": sentence_of("provider_unreachable")}
    failed = {"status": MessageStatus.FAILED, "reason": "sandbox_rejected", "detail": detail}
    with broadcaster.context.database.write() as conn:
        conn.execute(update(messages).where(messages.c.id == message_key(key, 0)).values(**failed))
        conn.execute(insert(attempts).values(**attempt))
        event = {"broadcast_id": key, "at": now, "status": "paused", "due_at": now, "ends_at": now, "problem": slow}
        conn.execute(insert(callback_events).values(**event))
    message = idle_api.get(f"/broadcast/{job_id}/messages").json()["items"][0]

    page = halaman.open(f"/ui/broadcasts/{job_id}/people/{message['messageId']}")

    assert message["detail"] == detail
    assert english_on(page) == english_on(halaman.open(f"/ui/broadcasts/{job_id}")) == []
    assert "Nomornya ditolak: ditirukan sandbox" in page.text
    assert "Penyedia tidak dapat dihubungi: x7" in page.text
    callbacks = halaman.open("/ui/settings/callbacks")
    assert english_on(callbacks) == []
    assert "tidak menjawab dalam 15 detik" in callbacks.text


def test_what_the_doctor_finds_is_in_indonesian(halaman: FormBrowser, broadcaster: Broadcaster) -> None:
    broadcaster.connections.pause("sandbox", actor="Rina")
    quick = halaman.open("/ui/settings/system")

    thorough = quick.press("Periksa lengkap")

    assert english_on(quick) == english_on(thorough) == []
    assert "Tidak ada yang hidup." in quick.text
    assert re.search(r"Jam \S+ berbeda -?[\d.]+(,\d)? detik dari jam Redis", quick.text) is not None
    for said in ("Satu penulisan memakan", "Sandbox siap", "Koneksi dijeda."):
        assert said in thorough.text, thorough.text


def test_the_last_test_of_a_connection_is_in_indonesian_on_its_page_and_on_the_review(
    halaman: FormBrowser, idle_api: Api
) -> None:
    away = {"sender": "fonnte", "settings": {"token": "t", "baseUrl": "http://127.0.0.1:9"}}
    assert idle_api.put("/connections/jauh", json=away).is_success
    made = {"message": {"type": "text", "text": "Halo"}, "recipients": [{"number": "+6281200000001"}]}
    draft_id = idle_api.post("/drafts", json={**made, "connection": "jauh"}).json()["draftId"]
    halaman.open("/ui/connections/sandbox").press("Uji koneksi")
    halaman.open("/ui/connections/jauh").press("Uji koneksi")

    pages = [halaman.open(path) for path in ("/ui/connections/sandbox", "/ui/connections/jauh")]
    review = halaman.open(f"/ui/drafts/{draft_id}/review")

    assert [english_on(page) for page in (*pages, review)] == [[], [], []]
    assert "dapat mengirim (Sandbox siap" in pages[0].text
    assert "Penyedia tidak dapat dihubungi" in pages[1].text
    assert "Penyedia tidak dapat dihubungi" in review.text


def test_the_settings_of_the_installation_are_explained_in_indonesian(halaman: FormBrowser) -> None:
    page = halaman.open("/ui/settings")

    assert english_on(page) == []
    assert "WABROADCAST_TIMEZONE Asia/Jakarta Zona waktu jam kirim" in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_form_of_each_sender_is_in_indonesian(halaman: FormBrowser, broadcaster: Broadcaster, kind: str) -> None:
    schema = next(one.settings_schema for one in broadcaster.connections.kinds() if one.kind == kind)
    described = {text for text in _descriptions_in(schema["properties"], schema.get("$defs", {})) if WORDS.search(text)}

    page = halaman.open(f"/ui/connections/new?kind={kind}")

    assert {one.kind for one in broadcaster.connections.kinds()} == set(KINDS)
    assert english_on(page) == []
    assert {text for text in described if " ".join(text.split()) in page.text} == set()


def _descriptions_in(*schemas: Any) -> Iterator[str]:
    """Yield the titles and descriptions in schemas."""
    for schema in schemas:
        if isinstance(schema, dict):
            yield from (schema[name] for name in ("title", "description") if isinstance(schema.get(name), str))
            yield from _descriptions_in(*schema.values())
        elif isinstance(schema, list):
            yield from _descriptions_in(*schema)
