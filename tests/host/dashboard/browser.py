"""A real browser: Debian's Chromium, driven by Playwright. A page that writes to its console fails the test."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.host.programs import Served

PROGRAMS = ("chromium-headless-shell", "chromium")  # the first has no windows, and costs half as much
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser; skip the test where it is not installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium-headless-shell)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def tab(browser: Browser, *, language: str = "en", **options: Any) -> Iterator[Page]:
    """Open a tab of a new person; what it writes to its console is a fault.

    :param language: of the browser.
    :param options: of the context, such as ``viewport``, ``color_scheme`` or ``java_script_enabled``.
    """
    context = browser.new_context(locale=language, **options)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    yield page
    context.close()
    assert said == [], said


def people(server: Served, number: int, **fields: Any) -> str:
    """Submit a broadcast to so many people."""
    listed = [{"number": f"+62812{place:08}", "name": f"Orang {place}"} for place in range(number)]
    body = {"name": "Panjang", "connection": "sandbox", "message": {"type": "text", "text": "Halo {{ name }}"}}
    made = httpx.post(f"{server.url}/broadcast", json={**body, "recipients": listed, **fields}, timeout=30)
    return str(made.raise_for_status().json()["jobId"])
