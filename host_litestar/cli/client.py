"""Talks to a server: WABROADCAST_URL and WABROADCAST_API_KEY."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from host_litestar.cli.errors import RefusedError, UnreachableError
from wabroadcast_core.models.broadcast import BroadcastProgress, BroadcastSummary
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.upload import UploadView

DEFAULT_URL = "http://127.0.0.1:3004"
TIMEOUT = httpx.Timeout(30, read=120)
DOWNLOAD_TIMEOUT = httpx.Timeout(30, read=600)  # a workbook is made before its first byte comes


class Client:
    """One method per call that the commands need; what the server refuses is raised as one line."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        self.url = (url or os.environ.get("WABROADCAST_URL") or DEFAULT_URL).rstrip("/")
        key = key or os.environ.get("WABROADCAST_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False)
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise RefusedError(f"WABROADCAST_URL or WABROADCAST_API_KEY cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """:raises RefusedError: the server refused; :raises UnreachableError: it does not answer."""
        with self._translated():
            return _read_answer(self._http.request(method, path, **options))

    def download(self, path: str, to: Path, **options: Any) -> None:
        """Write an answer into a file, which is there once it is whole. Raises as :meth:`call`."""
        part = to.with_name(f"{to.name}.part")
        try:
            with (
                part.open("wb") as file,
                self._translated(),
                self._http.stream("GET", path, timeout=DOWNLOAD_TIMEOUT, **options) as answer,
            ):
                if not answer.is_success:
                    answer.read()
                    _read_answer(answer)
                for piece in answer.iter_bytes():
                    file.write(piece)
            part.replace(to)
        except OSError as error:
            raise RefusedError(f"{to} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(
                f"no server answers at {self.url}: start one with `wabroadcast serve`, or set WABROADCAST_URL"
            ) from error
        except httpx.HTTPError as error:
            raise UnreachableError(f"the server at {self.url} broke off ({type(error).__name__})") from error
        except httpx.InvalidURL as error:
            raise RefusedError(f"{self.url} is no address of a server: {error}") from error

    def upload(self, path: Path) -> UploadView:
        with path.open("rb") as file:
            return UploadView.model_validate(self.call("POST", "/uploads", files={"file": (path.name, file)}))

    def preview(self, draft: Mapping[str, Any]) -> Preview:
        return Preview.model_validate(self.call("POST", "/broadcast/preview", json=dict(draft)))

    def submit(self, draft: Mapping[str, Any], *, key: str) -> BroadcastSummary:
        answer = self.call("POST", "/broadcast", json=dict(draft), headers={"Idempotency-Key": key})
        return BroadcastSummary.model_validate(answer)

    def status(self, job_id: str) -> BroadcastProgress:
        return BroadcastProgress.model_validate(self.call("GET", f"/broadcast/{quote(job_id, safe='')}/status"))

    def messages(self, job_id: str, *, status: str, limit: int) -> list[MessageView]:
        path = f"/broadcast/{quote(job_id, safe='')}/messages"
        answer = self.call("GET", path, params={"status": status, "limit": limit})
        return CursorPage[MessageView].model_validate(answer).items


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as parameters or fields of a call."""
    return {name: value for name, value in options.items() if value is not None}


def _read_answer(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise RefusedError("the server wants an API key it knows: set WABROADCAST_API_KEY")
    try:
        problem = answer.json()
        text = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        text = f"{answer.request.url} answers {answer.status_code}: is that a wabroadcast server?"
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        raise UnreachableError(text)
    raise RefusedError(text)
