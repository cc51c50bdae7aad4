"""Why no connection could be made, in words: the causes of an error in a chain, from any HTTP client."""

import errno
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Final

import httpx

from wabroadcast_core.transport.http_connection import IncompleteRequestError

_BY_ERRNO: Final = {
    errno.ECONNREFUSED: "the connection was refused: nothing listens at this address and port",
    errno.EHOSTUNREACH: "the host cannot be reached: no route leads to it",
    errno.ENETUNREACH: "the network cannot be reached: this machine has no route to it",
    errno.ENETDOWN: "the network of this machine is down",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was reset",
    errno.EADDRNOTAVAIL: "this machine has no free local port left",
    errno.EMFILE: "this process has too many files open",
    errno.ENFILE: "this machine has too many files open",
    errno.EACCES: "this machine does not allow the connection (firewall)",
    errno.EPERM: "this machine does not allow the connection (firewall)",
}
_BY_TYPE: Final[Sequence[tuple[type[Exception], str]]] = (
    (socket.gaierror, "the name of the host cannot be looked up now: check the name servers of this machine"),
    (ssl.SSLError, "the host speaks no TLS that this machine accepts: check https and the port"),
    (httpx.ProxyError, "the proxy refuses the connection"),
    (httpx.PoolTimeout, "too many requests wait for a connection"),
    (IncompleteRequestError, "the connection ended before the whole request was sent"),
)
_NO_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def describe_cause(error: BaseException) -> str:
    """Return why a connection could not be made. No secret is in the text."""
    causes = list(_chain(error))
    said = next(filter(None, map(_say, causes)), None)
    if said is not None:
        return said
    if any(isinstance(cause, httpx.TimeoutException | TimeoutError) for cause in causes):
        return "no answer to the attempt to connect: the host is away, or a firewall drops what is sent to it"
    return type(causes[-1]).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, the first cause last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _say(error: BaseException) -> str | None:
    if isinstance(error, socket.gaierror) and error.errno in _NO_NAME:
        return "there is no host of this name: check the address for a mistyped name"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the host is not valid ({error.verify_message})"
    by_type = next((text for kind, text in _BY_TYPE if isinstance(error, kind)), None)
    return _BY_ERRNO.get(error.errno or 0) if by_type is None and isinstance(error, OSError) else by_type
