"""Nothing keeps people from using the pages: axe checks each in both languages, and in two widths and both themes."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.host.dashboard.browser import people
from tests.host.programs import Served

pytestmark = pytest.mark.slow

# The rules of axe whose result depends on the theme: only they are checked in the second one.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
Look: TypeAlias = tuple[Literal["light", "dark"], int]  # theme and width
# A language changes nothing but texts, which have the least room where a page is narrow.
LOOKS: Mapping[str, list[Look]] = {
    "id": [("light", 320), ("light", 1280), ("dark", 320), ("dark", 1280)],
    "en": [("light", 320)],
}
ROOMS = (
    "/",
    "/ui/broadcasts",
    "/ui/broadcasts/{job}",
    "/ui/broadcasts/new",
    "/ui/contacts",
    "/ui/contacts/import",
    "/ui/opt-outs",
    "/ui/connections",
    "/ui/connections/sandbox",
    "/ui/connections/new",
    "/ui/activity",
    "/ui/settings",
    "/ui/settings/keys",
    "/ui/settings/callbacks",
    "/ui/settings/system",
    "/ui/search?q=a",
    "/ui/no-such-page",
)


@pytest.fixture(scope="module")
def job_id(server: Served) -> str:
    """A broadcast that every page may show."""
    return people(server, 3)


@pytest.fixture(scope="module", params=LOOKS)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page(browser: Browser, language: str) -> Iterator[Page]:
    # the policy of the pages is bypassed for axe; without motion, no colour is measured on its way
    context = browser.new_context(locale=language, bypass_csp=True, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_keeps_people_from_using_a_page(
    page: Page, server: Served, job_id: str, language: str, room: str
) -> None:
    page.goto(server.url + room.replace("{job}", job_id))
    page.evaluate(Axe().axe_script)

    assert {look: faults for look in LOOKS[language] if (faults := faults_of(page, *look))} == {}


def faults_of(page: Page, scheme: Literal["light", "dark"], width: int) -> list[Any]:
    """Return what axe finds on a page in one look, and its width if it must be moved sideways."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    rules = {} if scheme == "light" else {"runOnly": COLOURS}
    options = {"resultTypes": ["violations"], "preload": False, **rules}
    violations = page.evaluate("(options) => axe.run(options).then((found) => found.violations)", options)
    wide = page.evaluate("document.documentElement.scrollWidth")
    return [*((one["id"], one["nodes"][0]["target"]) for one in violations), *([wide] if wide > width else [])]
