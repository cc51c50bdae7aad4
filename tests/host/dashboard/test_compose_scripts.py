"""What scripts add to the page of a draft: it saves itself, shows an upload, and inserts variables at the cursor."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Browser, Dialog, FilePayload, Page, Route, expect

from tests.host.dashboard.browser import tab
from tests.host.programs import Served

pytestmark = pytest.mark.slow

CSV = b"Nama;No. HP;Kode\nBudi;081200001001;A1\nSiti;081200001002;A2\n"
FILE: FilePayload = {"name": "orang.csv", "mimeType": "text/csv", "buffer": CSV}


@pytest.fixture
def page(browser: Browser, server: Served) -> Iterator[Page]:
    with tab(browser, base_url=server.url) as opened:
        yield opened


def _upload(page: Page) -> None:
    page.goto("/ui/broadcasts/new")
    page.set_input_files("#f-audienceFile", files=[FILE])
    expect(page.locator("#part-bar")).to_contain_text("2 people can be sent to")


def test_from_an_own_file_to_the_last_look_all_is_saved_by_itself(page: Page) -> None:
    _upload(page)
    expect(page).to_have_url(re.compile("/ui/drafts/"))
    page.get_by_role("button", name="{{ nama }}").click()
    page.keyboard.type(", kode ")
    page.get_by_role("button", name="{{ kode }}").click()
    expect(page.locator("#part-bubble .bubble")).to_have_text("Budi, kode A1")
    page.get_by_role("button", name="Next person").click()
    expect(page.locator("#part-bubble .bubble")).to_have_text("Siti, kode A2")
    expect(page.get_by_role("button", name="Person before")).to_be_enabled()

    page.get_by_role("button", name="Review").click()

    expect(page.get_by_role("button", name="Send to 2 people")).to_be_enabled()


def test_what_is_typed_during_a_save_stays(page: Page) -> None:
    _upload(page)

    text = page.get_by_label("Text of the message")
    text.press_sequentially("Halo Kak, ini pesan yang diketik agak lama supaya tersimpan di tengah jalan.", delay=40)

    expect(page.locator("#part-bubble .bubble")).to_have_text(text.input_value())
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.reload()
    expect(page.locator("#part-bubble .bubble")).to_contain_text("di tengah jalan.")


def test_a_save_whose_answer_is_lost_is_repeated_into_the_same_draft(browser: Browser, server: Served) -> None:
    context = browser.new_context(locale="en", base_url=server.url)  # a lost answer is noted by a console
    page = context.new_page()
    saves: list[str] = []

    def lose_answer(route: Route) -> None:
        saves.append(route.fetch().text())
        route.abort()

    page.goto("/ui/broadcasts/new")
    page.route("**/ui/broadcasts/new", lose_answer, times=1)
    page.get_by_label("Name of the broadcast").fill("Hilang")

    expect(page.locator("#saved")).to_contain_text("the server cannot be reached")
    page.get_by_label("Name of the broadcast").fill("Hilang sekali")
    expect(page).to_have_url(re.compile("/ui/drafts/"), timeout=10_000)

    [saved] = saves
    assert page.url.rpartition("/")[2] in saved
    page.reload()
    expect(page.get_by_label("Name of the broadcast")).to_have_value("Hilang sekali")
    context.close()


def test_a_file_whose_save_was_lost_is_sent_with_what_is_typed_next(browser: Browser, server: Served) -> None:
    context = browser.new_context(locale="en", base_url=server.url)
    page = context.new_page()
    page.goto("/ui/broadcasts/new")
    page.route("**/ui/broadcasts/new", lambda route: (route.fetch(), route.abort()), times=1)
    page.set_input_files("#f-audienceFile", files=[FILE])
    expect(page.locator("#saved")).to_contain_text("the server cannot be reached")

    page.get_by_label("Name of the broadcast").fill("Dengan berkas")

    expect(page.locator("#part-bar")).to_contain_text("2 people can be sent to")
    context.close()


def test_a_button_that_is_pressed_during_a_save_waits_for_its_end(page: Page) -> None:
    _upload(page)
    answers: list[tuple[Route, APIResponse]] = []

    def hold_answer(route: Route) -> None:
        answers.append((route, route.fetch()))

    page.route("**/ui/drafts/*", hold_answer, times=1)
    page.get_by_label("Text of the message").fill("Halo {{ nama }}")
    while not answers:
        page.wait_for_timeout(20)

    page.get_by_label("Name of the broadcast").fill("Baru")
    page.get_by_role("button", name="Review").click()
    [(route, answer)] = answers
    route.fulfill(response=answer)

    expect(page.get_by_role("button", name="Send to 2 people")).to_be_enabled()
    expect(page.locator("main")).to_contain_text("Baru")


def test_what_is_typed_while_the_page_is_left_asks_nothing(page: Page) -> None:
    _upload(page)
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.get_by_label("Text of the message").click()  # browsers ask only people who have done something

    page.get_by_role("button", name="Review").evaluate(
        "button => { button.click(); button.form.dispatchEvent(new Event('input', { bubbles: true })); }"
    )

    expect(page).to_have_url(re.compile("/review$"))
    assert asked == []


def test_a_change_elsewhere_stops_the_saves_and_offers_both_versions(browser: Browser, server: Served) -> None:
    context = browser.new_context(locale="en", base_url=server.url)  # a conflict is a 409, which a console notes
    page = context.new_page()
    _upload(page)
    expect(page).to_have_url(re.compile("/ui/drafts/"))
    other = context.new_page()
    other.goto(page.url)
    other.get_by_label("Name of the broadcast").fill("Dari tempat lain")
    expect(other.locator("#saved")).to_contain_text("Saved")
    other.close()

    page.get_by_label("Name of the broadcast").fill("Dari sini")

    expect(page.locator("#part-changed")).to_contain_text("was changed by")
    page.get_by_role("button", name="Compare both versions").click()
    expect(page.locator("main")).to_contain_text("Dari tempat lain")
    page.get_by_role("button", name="Save my version").click()
    expect(page.get_by_label("Name of the broadcast")).to_have_value("Dari sini")
    context.close()


def test_a_dropped_file_is_uploaded(page: Page) -> None:
    page.goto("/ui/broadcasts/new")
    transfer = page.evaluate_handle(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "seret.csv", { type: "text/csv" }));
            return data;
        }""",
        CSV.decode(),
    )

    page.dispatch_event("[data-drop=audienceFile]", "drop", {"dataTransfer": transfer})

    expect(page.locator("#part-file")).to_contain_text("seret.csv")
    expect(page.locator("#part-bar")).to_contain_text("2 people can be sent to")


def test_the_result_of_a_test_appears_by_itself(page: Page) -> None:
    _upload(page)
    page.get_by_label("Text of the message").fill("Halo {{ nama }}")
    expect(page.locator("#part-bubble .bubble")).to_have_text("Halo Budi")
    page.get_by_role("button", name="Review").click()
    page.get_by_label("Your number").fill("081299990001")
    page.get_by_role("button", name="Send a test to me").click()

    expect(page.locator("#test-result")).to_contain_text("Handed to WhatsApp", timeout=20_000)
