"""Links between pages, and to the API, from wherever the application is mounted."""

from typing import Any
from urllib.parse import quote, urlencode

from litestar.connection import ASGIConnection


class Links:
    """Makes the addresses of one request.

    :param base: the path under which the routes are mounted, without a slash at its end; empty for the root.
    """

    def __init__(self, base: str) -> None:
        self.base = base

    def __call__(self, path: str, *segments: object, **query: object) -> str:
        """Return the address of a page.

        :param path: the path below the mount, such as ``/ui/broadcasts``.
        :param segments: further parts of the path, of any characters.
        :param query: parameters; those that are None or empty are left out. A ``_`` at the end of a name is dropped.
        """
        address = "/".join([f"{self.base}{path}", *(quote(str(segment), safe="") for segment in segments)])
        given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "", False)}
        return f"{address}?{urlencode(given, doseq=True)}" if given else address

    def is_page(self, address: str) -> bool:
        """Return whether an address that a browser sent is one below the mount, and surely of no other site."""
        path = address.partition("?")[0]
        is_below = path == (self.base or "/") or path.startswith(f"{self.base}/")
        return (
            is_below and not path.startswith("//") and "\\" not in path and address.isascii() and address.isprintable()
        )


def links_of(request: ASGIConnection[Any, Any, Any, Any], mount: str) -> Links:
    """Return the links of a request.

    :param mount: the path of the routes inside the application.
    """
    return Links(f"{request.scope.get('root_path', '').rstrip('/')}{mount.rstrip('/')}")
