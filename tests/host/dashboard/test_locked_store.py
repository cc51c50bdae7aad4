"""Acts of pages while another process keeps the store locked: they answer soon, and nothing that was typed is lost."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from host_litestar.dashboard import controller, sign_in
from tests.host.dashboard.pages import Files, FormBrowser, ShownPage
from tests.host.installations import Api, draft
from wabroadcast_core import Settings

BUDI = "+6281200000001"
TYPED = "typed <b>for a long time</b>"
FONNTE = {"sender": "fonnte", "settings": {"token": "t0ken"}}
SAID = "All that you typed is still here"


@contextmanager
def another_writer(settings: Settings) -> Iterator[None]:
    """Hold the lock for writing on a database connection of its own."""
    with closing(sqlite3.connect(settings.sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let acts give up at once: how long they wait is judged by a test of its own."""
    for module in (controller, sign_in):
        monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)


@pytest.fixture
def filled(idle_api: Api) -> dict[str, str]:
    """A contact, two tags, a connection, a draft and a broadcast; the ids in the paths of their pages."""
    body = draft(recipients=[{"number": BUDI, "name": "Budi"}], connection="sandbox")
    idle_api.post("/contacts", json={"number": BUDI, "name": "Budi", "tags": ["vip", "old"]}).raise_for_status()
    idle_api.put("/connections/toko", json=FONNTE).raise_for_status()
    made, sent = (idle_api.post(path, json=body).json() for path in ("/drafts", "/broadcast"))
    return {"draft": made["draftId"], "job": sent["jobId"]}


@pytest.mark.timed
def test_a_save_answers_within_five_seconds_with_the_form_as_it_was_typed(
    pages: FormBrowser, host_settings: Settings
) -> None:
    form = pages.open("/ui/contacts/new")

    with another_writer(host_settings):
        started = time.monotonic()
        shown = form.press("Save", number=BUDI, name=TYPED, tags="vip, new", variable__1__name="kota")
        took = time.monotonic() - started
    saved = shown.press("Save")

    assert took < 5
    assert shown.status == 503
    assert shown.response.headers["retry-after"]
    assert SAID in shown.text
    assert saved.path.startswith("/ui/contacts/")
    assert TYPED in saved.text


FORMS = [
    pytest.param(
        "/ui/contacts/new",
        "Save",
        {"number": "081200000009", "name": TYPED, "variable.1.name": "kota", "variable.1.value": TYPED},
        id="contact",
    ),
    pytest.param(f"/ui/contacts/{BUDI}/edit", "Save", {"name": TYPED, "tags": "x, y"}, id="change-of-a-contact"),
    pytest.param(f"/ui/contacts/{BUDI}", "Do not message again", {"reason": TYPED, "connection": "sandbox"}, id="stop"),
    pytest.param(f"/ui/contacts/{BUDI}", "Erase everything", {"typed": "0812 0000 0001"}, id="erasure"),
    pytest.param("/ui/contacts", "Add tags", {"number": BUDI, "tags": "typed, tags"}, id="tagging"),
    pytest.param("/ui/contacts/tags?tag=vip", "Rename", {"name": "typed"}, id="rename-of-a-tag"),
    pytest.param("/ui/contacts/tags?tag=vip", "Merge", {"into": "old"}, id="merge-of-tags"),
    pytest.param("/ui/opt-outs", "Do not message this number", {"number": BUDI, "reason": TYPED}, id="opt-out"),
    pytest.param(
        "/ui/connections/new?kind=fonnte",
        "Create the connection",
        {"name": "baru", "settings.token": "s3cret-of-mine", "settings.delay": "5-10", "lanes": "3"},
        id="connection",
    ),
    pytest.param(
        "/ui/connections/toko", "Save", {"settings.token": "an0ther", "lanes": "3"}, id="change-of-a-connection"
    ),
    pytest.param("/ui/settings/keys", "Make the key", {"name": "typed"}, id="key"),
    pytest.param("/ui/broadcasts/new", "Save", {"name": TYPED, "message.text": TYPED, "numbers": BUDI}, id="draft"),
    pytest.param("/ui/drafts/{draft}", "Save", {"name": TYPED, "message.text": TYPED}, id="change-of-a-draft"),
    pytest.param("/ui/drafts/{draft}/review", "Send a test to me", {"number": "0812 9999 0001"}, id="test"),
]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("path", "button", "typed"), FORMS)
def test_every_form_is_shown_again_with_all_that_was_typed(
    pages: FormBrowser, host_settings: Settings, filled: dict[str, str], path: str, button: str, typed: dict[str, str]
) -> None:
    form = pages.open(path.format(**filled))

    with another_writer(host_settings):
        shown = form.press(button, typed)

    assert shown.status == 503, shown.text
    assert SAID in shown.find("[role=alert]").get_text()
    assert {name: value for name, value in typed.items() if value not in typed_values(shown, button)[name]} == {}
    assert typed_values(shown, button).get("once") == typed_values(form, button).get("once")
    assert shown.soup.select("b, script:not([src])") == shown.soup.select("main b")


@pytest.mark.usefixtures("hurried")
def test_an_act_without_a_form_of_its_own_can_be_sent_again(
    pages: FormBrowser, host_settings: Settings, filled: dict[str, str]
) -> None:
    page = pages.open(f"/ui/broadcasts/{filled['job']}")

    with another_writer(host_settings):
        shown = page.press("Pause")
        twice = shown.press("Try again")
    done = twice.press("Try again")

    assert (shown.status, twice.status, done.status) == (503, 503, 200)
    assert "Your form is kept." in shown.text
    assert done.path == page.path
    assert "Paused" in done.text


@pytest.mark.usefixtures("hurried")
def test_a_file_that_could_not_be_stored_is_to_be_chosen_again(pages: FormBrowser, host_settings: Settings) -> None:
    files: Files = {"file": ("a.csv", b"Nama;No\nBudi;0812\n", "text/csv")}
    form = pages.open("/ui/contacts/import")

    with another_writer(host_settings):
        shown = form.press("Upload and look", files=files, tags="typed")

    assert shown.status == 503
    assert "choose the file again" in shown.text
    assert typed_values(shown, "Upload and look")["tags"] == ["typed"]


@pytest.mark.usefixtures("hurried")
def test_a_sign_in_while_the_store_is_locked_says_so(fresh_api: Api, host_settings: Settings) -> None:
    key = fresh_api.post("/keys", json={"name": "k", "scopes": ["admin"]}).json()["key"]
    person = FormBrowser(fresh_api)

    with another_writer(host_settings):
        shown = person.sign_in(key)

    assert shown.status == 503
    assert "The database takes nothing at the moment." in shown.text
    assert key not in shown.response.text
    assert shown.press("Sign in", key=key).path == "/"


def test_without_a_store_a_form_that_was_not_read_is_not_said_to_be_kept(
    fresh_api: Api, host_settings: Settings
) -> None:
    key = fresh_api.post("/keys", json={"name": "k", "scopes": ["admin"]}).json()["key"]
    person = FormBrowser(fresh_api)
    person.sign_in(key)
    form = person.open("/ui/contacts/new")
    with closing(sqlite3.connect(host_settings.sqlite_path)) as other:
        other.execute("DROP TABLE sessions")  # so that no one can find out who asks

    shown = form.press("Save", number=BUDI, name=TYPED)

    assert shown.status == 503
    assert "Go back with your browser" in shown.text
    assert "Your form is kept" not in shown.text


@pytest.mark.timed
def test_pages_are_shown_at_once_while_the_store_is_locked(
    pages: FormBrowser, host_settings: Settings, filled: dict[str, str]
) -> None:
    with another_writer(host_settings):
        started = time.monotonic()
        shown = [pages.open(path) for path in ("/", "/ui/contacts", f"/ui/drafts/{filled['draft']}/review")]
        took = time.monotonic() - started

    assert [page.status for page in shown] == [200, 200, 200]
    assert took < 3


def typed_values(page: ShownPage, button: str) -> dict[str, Any]:
    """Return what the form of a button shows."""
    found: dict[str, list[str]] = {}
    for control in page.form(button).select("[name]"):
        text = control.get_text().removeprefix("\n") if control.name == "textarea" else str(control.get("value", ""))
        found.setdefault(str(control["name"]), []).append(text)
    return found
