"""The style sheet and the scripts, read once a process. Their address has a digest of all: browsers may keep them."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from host_litestar.auth import KEYLESS
from host_litestar.routes.controller import ApiController
from host_litestar.safe_headers import NOSNIFF

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {
    path.name: path.read_bytes()
    for path in sorted(Path(__file__).with_name("static").iterdir())
    if path.suffix in _TYPES
}
VERSION: Final = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]


async def _as_it_is(response: Response[Any]) -> Response[Any]:
    """Keep the headers of a file: those of pages forbid to store it."""
    return response


class StaticFiles(ApiController):
    """``GET /ui/static/{version}/{name}``. Modules import each other by relative addresses, so of the same version."""

    path = "/ui/static"

    @get(
        "/{version:str}/{name:str}", opt=KEYLESS, include_in_schema=False, sync_to_thread=False, after_request=_as_it_is
    )
    def show(self, version: Annotated[str, PathParameter()], name: Annotated[str, PathParameter()]) -> Response[bytes]:
        """Return a file. Only its present version may be kept."""
        if name not in _FILES:
            raise NotFoundException
        kept = "public, max-age=31536000, immutable" if version == VERSION else "no-store"
        kind = _TYPES[Path(name).suffix]
        return Response(_FILES[name], media_type=kind, headers={NOSNIFF[0]: NOSNIFF[1], "Cache-Control": kept})
