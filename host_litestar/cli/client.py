"""HTTP client of the commands, for the server at WABROADCAST_URL with the key WABROADCAST_API_KEY."""

import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from host_litestar.cli.answers import Answer, read_json, read_model
from host_litestar.cli.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
    from wabroadcast_core.models.broadcast_test import Rehearsal
    from wabroadcast_core.models.message import MessageView
    from wabroadcast_core.models.message_detail import MessageDetail
    from wabroadcast_core.models.preview import Preview
    from wabroadcast_core.models.upload import UploadView

DEFAULT_URL = "http://127.0.0.1:3004"
TIMEOUT = httpx.Timeout(30, read=120)  # seconds
BAD_ADDRESS = (
    "WABROADCAST_URL is not the address of a server: write it with http:// or https://, "
    f"as in {DEFAULT_URL} or https://wa.example"
)
HIGHEST_PORT = 65_535  # the system would take a higher one for another port
_THIS_MACHINE = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(/|$)", re.IGNORECASE)
DOWNLOAD_TIMEOUT = httpx.Timeout(30, read=600)  # the server writes a whole workbook before it sends the first byte


class Client:
    """A server, called over HTTP. An error response is raised as an error with a text of one line.

    :param url: address of the server; by default WABROADCAST_URL.
    :param key: API key; by default WABROADCAST_API_KEY.
    :raises RefusedError: the address or the key cannot be used.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self.url = _complete(url or os.environ.get("WABROADCAST_URL") or DEFAULT_URL)
        key = key or os.environ.get("WABROADCAST_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        options: dict[str, Any] = {"timeout": TIMEOUT, "trust_env": False, "verify": trusted_by(self.url)}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, **options)
        except httpx.InvalidURL as error:
            raise RefusedError(BAD_ADDRESS) from error
        except UnicodeEncodeError as error:
            raise RefusedError("WABROADCAST_API_KEY is not valid: it has a character that is not ASCII") from error
        if not self._http.base_url.host or (self._http.base_url.port or 0) > HIGHEST_PORT:
            raise RefusedError(BAD_ADDRESS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Make a request.

        :returns: the JSON object of the response; an empty one if it has no body.
        :raises RefusedError: the server responds with an error or with something else than a JSON object, or JSON
            cannot hold a number of the body.
        :raises UnreachableError: the server does not answer, or cannot reach its store or Redis.
        """
        with self._translate_errors():
            return _read_response(self._http.send(self._build_request(method, path, **options)))

    def _build_request(self, method: str, path: str, **options: Any) -> httpx.Request:
        try:
            return self._http.build_request(method, path, **options)
        except UnicodeEncodeError:  # of a text: a ValueError too
            raise
        except ValueError as error:
            raise RefusedError("a number is infinite or NaN, which JSON cannot hold: give another one") from error

    def get(self, path: str) -> httpx.Response:
        """Return the response to a request, whatever its status.

        :raises UnreachableError: the server does not answer.
        """
        with self._translate_errors():
            return self._http.get(path)

    def download(
        self, path: str, to: Path, *, received: Callable[[bytes], None] = lambda _: None, **options: Any
    ) -> None:
        """Download a response into a file. The file exists only once it is complete.

        :param received: called with each piece of the response.
        :raises RefusedError: the server responds with an error, or the file cannot be written.
        :raises UnreachableError: the server does not answer, or cannot reach its store or Redis.
        """
        part = to.with_name(f"{to.name}.part")
        try:
            with (
                part.open("wb") as file,
                self._translate_errors(),
                self._http.stream("GET", path, timeout=DOWNLOAD_TIMEOUT, **options) as response,
            ):
                if not response.is_success:
                    response.read()
                    _read_response(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
                    received(chunk)
            part.replace(to)
        except OSError as error:
            raise RefusedError(f"{to} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(
                f"no server answers at {without_userinfo(self.url)}: "
                "start one with `wabroadcast serve`, or set WABROADCAST_URL"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise RefusedError(BAD_ADDRESS) from error
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"the request to {without_userinfo(self.url)} failed ({type(error).__name__}): "
                "see the server's log, then try again"
            ) from error

    def upload(self, path: Path) -> "UploadView":
        """Upload a file."""
        from wabroadcast_core.models.upload import UploadView

        with path.open("rb") as file:
            return read_model(UploadView, self.call("POST", "/uploads", files={"file": (path.name, file)}))

    def tags(self) -> list[str]:
        """Return the tags of the contact book."""
        return [tag["name"] for tag in self.call("GET", "/contacts/tags")["items"]]

    def preview(self, draft: Mapping[str, Any]) -> "Preview":
        """Preview a submit of this draft."""
        from wabroadcast_core.models.preview import Preview

        return read_model(Preview, self.call("POST", "/broadcast/preview", json=dict(draft)))

    def submit(self, draft: Mapping[str, Any], *, key: str) -> "BroadcastSummary":
        """Submit a broadcast.

        :param key: the idempotency key.
        """
        from wabroadcast_core.models.broadcast import BroadcastSummary

        response = self.call("POST", "/broadcast", json=dict(draft), headers={"Idempotency-Key": key})
        return read_model(BroadcastSummary, response)

    def send_test(self, draft: Mapping[str, Any], test: Mapping[str, Any], *, key: str) -> "MessageDetail":
        """Send one message of this draft to one number.

        :param test: the number, and the recipient for whom the text is rendered.
        :param key: the idempotency key.
        """
        from wabroadcast_core.models.message_detail import MessageDetail

        body = {**draft, "test": dict(test)}
        response = self.call("POST", "/broadcast/test", json=body, headers={"Idempotency-Key": key})
        return read_model(MessageDetail, response)

    def test_result(self, test_id: str) -> "MessageDetail":
        """Return the message of a test."""
        from wabroadcast_core.models.message_detail import MessageDetail

        return read_model(MessageDetail, self.call("GET", f"/broadcast/test/{quote(test_id, safe='')}"))

    def rehearse(self, draft: Mapping[str, Any], *, key: str) -> "Rehearsal":
        """Submit a broadcast through the sandbox.

        :param key: the idempotency key.
        """
        from wabroadcast_core.models.broadcast_test import Rehearsal

        response = self.call("POST", "/broadcast/rehearsal", json=dict(draft), headers={"Idempotency-Key": key})
        return read_model(Rehearsal, response)

    def status(self, job_id: str) -> "BroadcastProgress":
        """Return the progress of a broadcast."""
        from wabroadcast_core.models.broadcast import BroadcastProgress

        return read_model(BroadcastProgress, self.call("GET", f"/broadcast/{quote(job_id, safe='')}/status"))

    def messages(self, job_id: str, *, status: str, limit: int, with_rows: bool = False) -> "list[MessageView]":
        """Return the first messages of a broadcast that have this status."""
        from wabroadcast_core.models.message import MessageView
        from wabroadcast_core.models.page import CursorPage

        path = f"/broadcast/{quote(job_id, safe='')}/messages"
        parameters = {"status": status, "limit": limit, "withRows": str(with_rows).lower()}
        response = self.call("GET", path, params=parameters)
        return read_model(CursorPage[MessageView], response).items


def _complete(url: str) -> str:
    """Return an address with its scheme, which may be left out for this machine, as in ``localhost:3004``."""
    url = url.strip().rstrip("/")
    return f"http://{url}" if _THIS_MACHINE.match(url) else url


def trusted_by(url: str) -> ssl.SSLContext | bool:
    """Return what a client of an address trusts: the usual authorities, or none where it needs none.

    To load them takes a tenth of the time of a short command.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.lower().startswith("http://") else True


def without_userinfo(url: str) -> str:
    """Return an address as it may be shown: without a user name and a password."""
    return re.sub("^([^/@]*//)?.*@", r"\1", url)


def without_none(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given on the command line, as parameters or fields of a request."""
    return {name: value for name, value in options.items() if value is not None}


def _read_response(response: httpx.Response) -> Answer:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise RefusedError("the server does not accept the API key: set WABROADCAST_API_KEY to one of its keys")
    try:
        answer = read_json(response)
        if response.is_success:
            return answer
        text = str(answer["detail"])
    except RefusedError:
        url = without_userinfo(str(response.request.url))
        text = f"{url} has the status {response.status_code}: check that WABROADCAST_URL is a wabroadcast server"
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise UnreachableError(text)
    raise RefusedError(text)
