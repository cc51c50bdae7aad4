"""The pages in a real browser, against a real server: the acts that people do, counted; live numbers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.host.dashboard.browser import people, tab
from tests.host.programs import Served
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

FILE = "Nama;No. HP\nBudi;0812-0000-1001\nSiti;+62 812-0000-1002\n"
WAIT_MS = 30_000


@pytest.fixture
def person(browser: Browser) -> Iterator[Page]:
    """A person at a desk, in English."""
    with tab(browser) as page:
        page.set_default_timeout(WAIT_MS)
        yield page


def counts_of(server: Served, job_id: str) -> dict[str, Any]:
    return dict(server.get(f"/broadcast/{job_id}/status").json())


def job_of(page: Page) -> str:
    return page.url.partition("/ui/broadcasts/")[2].partition("?")[0]


def test_a_fresh_start_delivers_the_sample_by_one_click(person: Page, server: Served) -> None:
    person.goto(server.url)

    person.get_by_role("button", name="Send the sample").click()

    expect(person.locator("h1")).to_contain_text("Sample")
    expect(person.locator('[data-live="counts.delivered"]').first).to_have_text("10", timeout=WAIT_MS)
    expect(person.locator(".state").first).to_contain_text("Done", timeout=WAIT_MS)


def test_an_own_file_is_sent_by_six_acts(person: Page, server: Served, tmp_path: Path) -> None:
    file = tmp_path / "tetangga.csv"
    file.write_text(FILE)
    person.goto(server.url)

    person.get_by_role("link", name="New broadcast").click()
    person.set_input_files("input[name=audienceFile]", file)
    person.get_by_label("Text of the message").fill("Halo {{ name }}, rapat jam 7.")
    expect(person.locator(".bubble").first).to_contain_text("Halo Budi, rapat jam 7.")
    person.get_by_role("button", name="Review").click()
    person.get_by_role("button", name="Send to 2 people").click()
    expect(person.locator(".countdown")).to_contain_text("Undo")
    person.get_by_role("button", name="Start now").click()

    expect(person.locator('[data-live="counts.sent"]').first).to_have_text("2", timeout=WAIT_MS)
    assert counts_of(server, job_of(person))["total"] == 2


def test_an_undo_within_the_countdown_sends_nothing(person: Page, server: Served, tmp_path: Path) -> None:
    file = tmp_path / "warga.csv"
    file.write_text(FILE)
    person.goto(f"{server.url}/ui/broadcasts/new")
    person.set_input_files("input[name=audienceFile]", file)
    person.get_by_label("Text of the message").fill("Halo {{ name }}")
    person.get_by_role("button", name="Review").click()
    person.get_by_role("button", name="Send to 2 people").click()
    job_id = job_of(person)

    person.get_by_role("button", name="Undo").click()

    expect(person.locator(".notice.ok")).to_contain_text("Nobody received this message.")
    assert "/ui/drafts/" in person.url
    assert counts_of(server, job_id)["counts"]["sent"] == 0


def test_live_numbers_never_go_backwards_and_end_as_the_api_says(person: Page, server: Served) -> None:
    job_id = people(server, 300, rate={"messages": 100, "perSeconds": 1})
    person.goto(f"{server.url}/ui/broadcasts/{job_id}")
    seen: list[int] = []

    def sample() -> bool:
        seen.append(int(person.locator('[data-live="counts.sent"]').first.inner_text().replace(",", "")))
        return seen[-1] == 300

    wait_for(sample, what="the end on the page")

    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert counts_of(server, job_id)["counts"]["sent"] == 300


def test_a_part_of_the_page_that_arrives_late_brings_no_old_numbers(person: Page, server: Served) -> None:
    job_id = people(server, 200, rate={"messages": 100, "perSeconds": 1})
    late: list[tuple[Route, APIResponse]] = []
    person.route("**/*part=pace", lambda route: late.append((route, route.fetch())))
    person.goto(f"{server.url}/ui/broadcasts/{job_id}")
    sent = person.locator('[data-live="counts.sent"]').first
    expect(sent).to_have_text("200", timeout=WAIT_MS)
    old = [answer.text() for _, answer in late if '"counts.sent">200<' not in answer.text()]

    for route, answer in reversed(late):
        person.evaluate("document.querySelector('#pace > *').className = 'replaced'")
        route.fulfill(response=answer)
        expect(person.locator("#pace > .replaced")).to_have_count(0)

    assert old != []
    assert sent.inner_text() == "200"


def test_pause_is_one_click_on_any_page_and_nothing_starts_afterwards(person: Page, server: Served) -> None:
    job_id = people(server, 2_000, rate={"messages": 20, "perSeconds": 1})
    wait_for(lambda: counts_of(server, job_id)["counts"]["sent"] > 5)
    person.goto(f"{server.url}/ui/contacts")

    person.locator(".now").get_by_role("button", name="Pause").click()

    expect(person.locator(".now").get_by_role("button", name="Resume")).to_be_visible()
    status = counts_of(server, job_id)
    assert (status["status"], status["counts"]["sent"] < 2_000) == ("paused", True)
    httpx.post(f"{server.url}/broadcast/cancel/{job_id}", timeout=30).raise_for_status()


def test_whether_a_number_got_it_is_two_acts_away(person: Page, server: Served) -> None:
    job_id = people(server, 1)
    wait_for(lambda: counts_of(server, job_id)["counts"]["sent"])
    person.goto(f"{server.url}/ui/settings")

    person.get_by_role("searchbox").fill("0812-0000-0000")
    person.get_by_role("searchbox").press("Enter")

    expect(person.locator("main")).to_contain_text(re.compile("Handed to WhatsApp|Delivered|Read"))
    expect(person.locator("main")).to_contain_text("Panjang")


def test_the_keyboard_alone_leads_through_the_rooms(person: Page, server: Served) -> None:
    person.goto(server.url)
    person.keyboard.press("g")
    person.keyboard.press("c")
    expect(person).to_have_url(f"{server.url}/ui/connections")
    person.keyboard.press("?")
    expect(person.locator("#keys")).to_be_visible()
    person.keyboard.press("Escape")
    person.keyboard.press("/")
    person.keyboard.type("n/?")
    expect(person.get_by_role("searchbox")).to_have_value("n/?")
    person.get_by_role("searchbox").press("Tab")
    person.keyboard.press("n")
    expect(person).to_have_url(f"{server.url}/ui/broadcasts/new")


def test_a_page_without_streams_asks_instead(person: Page, server: Served) -> None:
    job_id = people(server, 200, rate={"messages": 20, "perSeconds": 1})
    person.route("**/events", lambda _: None)  # a proxy that passes nothing on
    person.goto(f"{server.url}/ui/broadcasts/{job_id}")

    expect(person.locator("#live")).to_contain_text("every few seconds", timeout=WAIT_MS)
    expect(person.locator('[data-live="counts.sent"]').first).not_to_have_text("0")
    person.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("spacing", ["normal", "0.2em"], ids=["usual-letters", "wide-letters"])
def test_the_bottom_bar_of_the_smallest_phone_has_all_of_its_entries(
    browser: Browser, server: Served, language: str, spacing: str
) -> None:
    with tab(browser, language=language, viewport={"width": 320, "height": 700}, bypass_csp=True) as page:
        page.goto(server.url)
        page.add_style_tag(content=f"body {{ letter-spacing: {spacing} }}")
        boxes = [one.bounding_box() for one in page.locator(".side > a:visible, .more summary").all()]

    assert len(boxes) == 5
    assert [box for box in boxes if box is None or box["x"] < 0 or box["x"] + box["width"] > 320] == []


def test_a_long_name_in_the_top_bar_is_cut_and_leaves_its_button_whole(browser: Browser, server: Served) -> None:
    ended = {"completed", "cancelled"}
    wait_for(lambda: all(one["status"] in ended for one in server.get("/broadcast/jobs").json()["items"]), seconds=60)
    job_id = people(server, 9, name="W" * 200, rate={"messages": 1, "perSeconds": 60})
    with tab(browser, viewport={"width": 320, "height": 700}) as page:
        page.goto(f"{server.url}/ui/broadcasts")
        wide = page.evaluate("document.documentElement.scrollWidth")
        button = page.locator(".now button").bounding_box()
    httpx.post(f"{server.url}/broadcast/cancel/{job_id}", timeout=30).raise_for_status()

    assert wide == 320
    assert button is not None
    assert button["height"] < 50
