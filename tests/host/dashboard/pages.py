"""A browser without scripts over the test client: it follows links and sends forms as a person does."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from urllib.parse import urljoin

import httpx
from bs4 import BeautifulSoup, Tag

from tests.host.installations import HERE, Api
from tests.waiting import wait_for

Files = Mapping[str, tuple[str, bytes, str]]
_BUTTONS = {"submit", "button", "reset", "image"}


class ShownPage:
    """A page that was received."""

    def __init__(self, browser: "FormBrowser", response: httpx.Response) -> None:
        self._browser = browser
        self.response = response
        self.status = response.status_code
        self.path = response.request.url.raw_path.decode()

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The elements of the page."""
        return BeautifulSoup(self.response.text, "html.parser")

    @cached_property
    def text(self) -> str:
        """What the page says, with single spaces."""
        return " ".join(self.soup.get_text(" ").split())

    def find(self, selector: str) -> Tag:
        """Return the first element that a CSS selector finds; fail if there is none."""
        found = self.soup.select_one(selector)
        assert found is not None, f"{self.path} has no {selector}: {self.text[:500]}"
        return found

    def link(self, text: str) -> str:
        """Return the address of the link with this text."""
        for link in self.soup.select("a[href]"):
            if " ".join(link.get_text(" ").split()) == text:
                return urljoin(self.path, str(link["href"]))
        raise AssertionError(f"{self.path} has no link {text!r}: {self.text[:500]}")

    def follow(self, text: str) -> "ShownPage":
        """Open the link with this text."""
        return self._browser.open(self.link(text))

    def form(self, button: str) -> Tag:
        """Return the form that has a button with this text."""
        found = self._button(button).find_parent("form")
        assert found is not None, f"the button {button!r} is in no form"
        return found

    def press(
        self,
        button: str,
        given: Mapping[str, str] | None = None,
        *,
        files: Files | None = None,
        without: Sequence[str] = (),
        **fields: str | Sequence[str],
    ) -> "ShownPage":
        """Send the form of a button, as a browser does, and follow its redirect.

        :param given: what was typed, as ``fields``, for tables of cases.
        :param files: the files that were chosen, by field: name, content, type.
        :param without: boxes that are unticked.
        :param fields: what was typed or chosen, where it is not what the page has. Write ``__`` for a dot in a name.
        """
        pressed = self._button(button)
        form = self.form(button)
        sent = {name: values for name, values in _values_of(form).items() if name not in without}
        if pressed.get("name"):
            sent[str(pressed["name"])] = [str(pressed.get("value", ""))]
        for name, value in {**(given or {}), **fields}.items():
            sent[name.replace("__", ".")] = [value] if isinstance(value, str) else list(value)
        address = str(pressed.get("formaction") or form.get("action") or self.path)
        return self._browser.send(
            urljoin(self.path, address), sent, method=str(form.get("method", "get")), files=files, form=form
        )

    def when_imported(self) -> "ShownPage":
        """Return the page as it is when the import that it shows has ended."""
        page = wait_for(self._imported, what="the end of the import")
        assert page is not None
        return page

    def _imported(self) -> "ShownPage | None":
        page = self._browser.open(self.path)
        return None if page.soup.select("[data-again]") else page

    def _button(self, text: str) -> Tag:
        buttons = {" ".join(button.get_text(" ").split()): button for button in reversed(self.soup.select("button"))}
        assert text in buttons, f"{self.path} has no button {text!r}, only {list(buttons)}: {self.text[:500]}"
        return buttons[text]


class FormBrowser:
    """A person at a browser without scripts, in one language."""

    def __init__(self, api: Api, *, language: str = "en") -> None:
        self.api = api
        self._headers = {"Accept-Language": language}

    def open(self, path: str) -> ShownPage:
        """Open a page."""
        return ShownPage(self, self.api.get(path, headers=self._headers))

    def send(
        self,
        path: str,
        fields: Mapping[str, Sequence[str]],
        *,
        method: str = "post",
        files: Files | None = None,
        form: Tag | None = None,
    ) -> ShownPage:
        """Send the fields of a form."""
        if method.lower() == "get":
            query = {name: list(values) for name, values in fields.items()}
            return ShownPage(self, self.api.get(path.partition("?")[0], params=query, headers=self._headers))
        is_multipart = form is not None and form.get("enctype") == "multipart/form-data"
        data = {name: list(values) for name, values in fields.items()}
        headers = {**self._headers, "Origin": HERE}
        chosen = (files or {"": ("", b"", "application/octet-stream")}) if is_multipart else None
        return ShownPage(self, self.api.post(path, data=data, files=chosen, headers=headers))

    def sign_in(self, key: str) -> ShownPage:
        """Sign in with an API key."""
        return self.open("/ui/sign-in").press(
            "Sign in" if "en" in self._headers["Accept-Language"] else "Masuk", key=key
        )


def _values_of(form: Tag) -> dict[str, list[str]]:
    """Return what a browser would send of a form that no one has touched."""
    values: dict[str, list[str]] = {}
    for control in form.select("input[name], textarea[name], select[name]"):
        for value in _control_values(control):
            values.setdefault(str(control["name"]), []).append(value)
    return values


def _control_values(control: Tag) -> list[str]:
    if control.has_attr("disabled"):
        return []
    if control.name == "textarea":
        return [control.get_text().removeprefix("\n")]
    if control.name == "select":
        options = control.select("option")
        chosen = [option for option in options if option.has_attr("selected")] or options[:1]
        return [str(option.get("value", option.get_text(strip=True))) for option in chosen]
    kind = str(control.get("type", "text"))
    if kind in _BUTTONS or kind == "file" or (kind in {"checkbox", "radio"} and not control.has_attr("checked")):
        return []
    return [str(control.get("value", "on" if kind in {"checkbox", "radio"} else ""))]
