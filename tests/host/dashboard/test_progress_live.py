"""The page of a broadcast while it is sent: its numbers are those of the API, add up, and never go back."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.host.dashboard.browser import tab
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api, bearer, draft
from tests.host.programs import Served
from tests.nginx import PROGRAM, Nginx
from tests.waiting import wait_for

KEY = "the-bootstrap-key-of-the-tests"
PEOPLE = 300
GROWING = ("sent", "delivered", "read")
STATUSES = ("queued", "processing", "retry", "paused", "sent", "failed", "unknown", "cancelled", "skipped")
ENDINGS = ("0103", "0109", "0113")  # of test numbers: rejected, without an answer, without a receipt


def people(count: int) -> list[dict[str, str]]:
    tests = [{"number": f"+1867555{ending}", "name": "Budi"} for ending in ENDINGS]
    return [*tests, *({"number": f"+628120001{place:04}", "name": "Budi"} for place in range(count - len(tests)))]


def submit(api: Api | httpx.Client, **fields: Any) -> str:
    body = draft(recipients=people(PEOPLE), connection="sandbox", **fields)
    return str(api.post("/broadcast", json=body).json()["jobId"])


def submit_to(server: Served, **fields: Any) -> str:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        return submit(client, **fields)


def amount(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def counts_of(page: ShownPage) -> dict[str, int]:
    return {
        str(tile["data-live"]).removeprefix("counts."): amount(tile.get_text())
        for tile in page.soup.select(".tile [data-live]")
    }


def percent_of(page: ShownPage) -> float:
    return float(page.find("[data-live-percent]").get_text().rstrip("%"))


def samples(api: Api, job_id: str) -> Iterator[tuple[dict[str, Any], ShownPage, dict[str, Any]]]:
    """Yield the page of a broadcast between two statuses of the API, until it has ended and all receipts are there."""
    person, address = FormBrowser(api), f"/broadcast/{job_id}/status"
    while True:
        before = api.get(address).json()
        page = person.open(f"/ui/broadcasts/{job_id}")
        after = api.get(address).json()
        yield before, page, after
        if (
            before["status"] == "completed"
            and before["counts"] == after["counts"]
            and _has_all_receipts(after["counts"])
        ):
            return


def _has_all_receipts(counts: dict[str, int]) -> bool:
    return counts["delivered"] >= PEOPLE - len(ENDINGS)


def test_a_page_is_between_the_numbers_of_the_api_and_its_sums_are_right(api: Api) -> None:
    job_id = submit(api, rate={"messages": 100, "perSeconds": 1})
    last, percent, seen = dict.fromkeys(GROWING, 0), 0.0, 0

    for before, page, after in samples(api, job_id):
        counts, share = counts_of(page), percent_of(page)
        seen += 1
        for name in GROWING:
            assert before["counts"][name] <= counts[name] <= after["counts"][name]
            assert last[name] <= counts[name]
        total = amount(page.find('.pace [data-live="total"]').get_text())
        assert sum(counts[status] for status in STATUSES) == total
        assert counts["read"] <= counts["delivered"] <= counts["sent"] <= total <= PEOPLE
        assert percent <= share <= 100
        assert share < 100 or after["status"] == "completed"
        last, percent = {name: counts[name] for name in GROWING}, share

    assert seen > 3
    assert counts == after["counts"]
    assert (counts["failed"], counts["unknown"], percent) == (1, 1, 100)
    rows = page.soup.select("#chart tbody tr")
    assert sum(amount(row.select("td")[0].get_text()) for row in rows) == counts["sent"]


@pytest.mark.slow
def test_a_running_page_follows_by_itself(serve: Callable[..., Served], browser: Browser) -> None:
    server = serve()
    job_id = submit_to(server, rate={"messages": 40, "perSeconds": 1}, holdSeconds=300)
    with tab(browser) as page:
        page.goto(f"{server.url}/ui/broadcasts/{job_id}")
        sent = page.locator('.tile [data-live="counts.sent"]')
        countdown = page.locator("[data-countdown]")
        first = amount(countdown.inner_text())
        expect(countdown).not_to_contain_text(f"in {first} seconds")
        assert amount(countdown.inner_text()) < first
        page.get_by_role("button", name="Start now").click()
        expect(page.locator("#headline .state")).to_have_text("Sending", timeout=20_000)

        seen: list[int] = []
        while not seen or seen[-1] < PEOPLE - 2:
            seen.append(amount(sent.inner_text()))
            page.wait_for_timeout(200)
        expect(page.locator("#headline .state")).to_have_text("Done", timeout=20_000)

        assert seen == sorted(seen)
        assert len(set(seen)) > 5
        expect(page.locator("[data-live-percent]")).to_have_text("100%")
        expect(page.locator("#failures tbody tr")).to_have_count(1)
        expect(page.locator("#chart rect").first).to_be_attached()
        expect(page.locator("#said")).to_contain_text(f"of {PEOPLE} handed to WhatsApp", timeout=20_000)


@pytest.mark.slow
def test_a_page_follows_behind_nginx_with_tls_and_default_buffering(
    serve: Callable[..., Served], browser: Browser, tmp_path: Path
) -> None:
    if PROGRAM is None:
        pytest.skip("nginx is not installed (Debian: nginx)")
    server = serve(WABROADCAST_API_KEYS=KEY)
    with httpx.Client(base_url=server.url, headers=bearer(KEY), timeout=30) as client:
        job_id = submit(client, rate={"messages": 40, "perSeconds": 1}, holdSeconds=300)
    nginx = Nginx(tmp_path, server.url)
    try:
        with tab(browser, ignore_https_errors=True) as page:
            page.goto(f"{nginx.url}/ui/broadcasts/{job_id}")
            page.get_by_label("API key").fill(KEY)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("button", name="Start now").click()
            expect(page.locator("#live")).to_have_text("live", timeout=20_000)
            sent = page.locator('.tile [data-live="counts.sent"]')
            first = wait_for(lambda: amount(sent.inner_text()), seconds=20)
            wait_for(lambda: amount(sent.inner_text()) > first, seconds=5)  # before the page would poll instead

            assert page.locator("#live").inner_text() == "live"
            assert page.url == f"{nginx.url}/ui/broadcasts/{job_id}"
    finally:
        nginx.stop()


@pytest.mark.slow
def test_a_cancel_asks_in_a_dialog(serve: Callable[..., Served], browser: Browser) -> None:
    server = serve()
    job_id = submit_to(server, holdSeconds=300)
    with tab(browser) as page:
        page.goto(f"{server.url}/ui/broadcasts/{job_id}")
        page.get_by_role("link", name="Cancel the rest").click()
        expect(page.get_by_role("dialog", name="Cancel the rest?")).to_be_visible()
        page.get_by_role("link", name="No, go back").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.url.endswith(job_id)
