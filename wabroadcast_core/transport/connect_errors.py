"""Why no connection could be made, in words: the causes of an error in a chain, from any HTTP client."""

import errno
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Final

import httpx

from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.transport.http_connection import IncompleteRequestError

_BY_ERRNO: Final = {
    errno.ECONNREFUSED: "net_refused",
    errno.EHOSTUNREACH: "net_no_route_to_host",
    errno.ENETUNREACH: "net_no_route",
    errno.ENETDOWN: "net_down",
    errno.ECONNRESET: "net_reset",
    errno.EPIPE: "net_reset",
    errno.EADDRNOTAVAIL: "net_no_port",
    errno.EMFILE: "net_files_of_process",
    errno.ENFILE: "net_files_of_machine",
    errno.EACCES: "net_firewall",
    errno.EPERM: "net_firewall",
}
_BY_TYPE: Final[Sequence[tuple[type[Exception], str]]] = (
    (socket.gaierror, "net_name_servers"),
    (ssl.SSLError, "net_no_tls"),
    (httpx.ProxyError, "net_proxy"),
    (httpx.PoolTimeout, "net_pool"),
    (IncompleteRequestError, "net_incomplete"),
)
_NO_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def describe_cause(error: BaseException) -> str:
    """Return why a connection could not be made: a sentence, or the name of an error. No secret is in the text."""
    causes = list(_chain(error))
    said = next(filter(None, map(_cause_of, causes)), None)
    if said is not None:
        return said
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in causes):
        return say("net_silent")
    return type(causes[-1]).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, the first cause last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _cause_of(error: BaseException) -> Sentence | None:
    if isinstance(error, socket.gaierror) and error.errno in _NO_NAME:
        return say("net_no_host")
    if isinstance(error, ssl.SSLCertVerificationError):
        return say("net_certificate", cause=error.verify_message)
    by_type = next((code for kind, code in _BY_TYPE if isinstance(error, kind)), None)
    code = _BY_ERRNO.get(error.errno or 0) if by_type is None and isinstance(error, OSError) else by_type
    return None if code is None else say(code)
