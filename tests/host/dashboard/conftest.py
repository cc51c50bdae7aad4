"""Fixtures of the dashboard's tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.host.dashboard.browser import chromium
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import Api


@pytest.fixture
def pages(idle_api: Api) -> FormBrowser:
    """A person without scripts, in English, at an application without a worker and without keys."""
    return FormBrowser(idle_api)


@pytest.fixture
def halaman(idle_api: Api) -> FormBrowser:
    """The same in Indonesian."""
    return FormBrowser(idle_api, language="id")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module: Playwright's event loop must not outlive them."""
    with chromium() as started:
        yield started
