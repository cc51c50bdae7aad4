"""A blacklist plugin that fails: a draft is written and kept, and pages and API name the plugin."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from litestar.testing import TestClient

from host_litestar.app import create_app
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import HERE, Api, draft
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster

FORM = {"name": "Promo", "message.text": "Halo", "audience": "numbers", "numbers": "081200001001", "once": "kunci-1"}
SCRIPT = {"X-Requested-With": "fetch", "Accept-Language": "en"}
MEANING = "A plugin that holds a blacklist failed, so no message is sent."


class Crm:
    """A blacklist that fails in several ways."""

    fault = "raises"

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Any:
        match self.fault:
            case "raises":
                raise KeyError
            case "exits":
                sys.exit(3)
            case "none":
                return {}
        return list(numbers)


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture
def failing_api(host_settings: Settings, crm: Crm) -> Iterator[Api]:
    app = create_app(Broadcaster(host_settings, plugins=[crm]))
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("fault", ["raises", "exits", "returns a list"])
def test_the_api_and_the_pages_name_the_plugin(failing_api: Api, crm: Crm, fault: str) -> None:
    crm.fault = fault
    pages = FormBrowser(failing_api)

    preview = failing_api.post("/broadcast/preview", json=draft(recipients=[{"number": "081200001001"}]))
    shown = pages.open("/ui/broadcasts/new").press(
        "Save", name="Promo", message__text="Halo", audience="numbers", numbers="081200001001"
    )
    address = shown.path.partition("?")[0]
    review = pages.open(f"{address}/review")
    people = pages.open(f"{address}/people")

    assert (preview.status_code, preview.json()["code"]) == (503, "blacklist_away")
    assert "plugin Crm failed in wab_blacklisted" in preview.json()["detail"]
    assert preview.json()["meaning"] == MEANING
    assert int(preview.headers["retry-after"]) > 0
    assert (shown.status, review.status, people.status) == (200, 503, 503)
    for page in (shown, review, people):
        assert "plugin Crm failed in wab_blacklisted" in page.text
        assert MEANING in page.text
        assert "Code: blacklist_away" in page.text
    assert "There are no people yet" not in shown.text


def test_a_script_saves_a_new_draft_once_and_sees_the_failure(failing_api: Api) -> None:
    answers = [
        failing_api.post("/ui/broadcasts/new", data={**FORM, "message.text": text}, headers=SCRIPT)
        for text in ("Halo", "Halo", "Halo lagi", "Halo lagi dan lagi")
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert "plugin Crm failed in wab_blacklisted" in answers[0].text
    [only] = failing_api.get("/drafts").json()["items"]
    assert f'data-address="/ui/drafts/{only["draftId"]}"' in answers[0].text
    assert only["version"] == 3
    stored = failing_api.get(f"/drafts/{only['draftId']}").json()["broadcast"]
    assert stored["message"]["text"] == "Halo lagi dan lagi"


def test_a_draft_that_was_kept_is_counted_once_the_plugin_works(failing_api: Api, crm: Crm) -> None:
    pages = FormBrowser(failing_api, language="id")
    page = pages.open("/ui/broadcasts/new").press(
        "Simpan", name="Promo", message__text="Halo", audience="numbers", numbers="081200001001"
    )
    assert "Plugin daftar hitam gagal" in page.text

    crm.fault = "none"

    assert "1 orang bisa dikirimi" in page.press("Simpan").text
