"""The body of an answer, decompressed up to a limit."""

import zlib
from typing import Final

import httpx

ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
BARE_DEFLATE: Final = -zlib.MAX_WBITS


def decode_body(body: bytes, encoding: bytes | None, *, max_bytes: int) -> bytes:
    """Decompress the body of an answer, whose length is limited because a small one can become very long.

    :param encoding: its ``Content-Encoding``. Another one than gzip and deflate was not asked for and is left as it is.
    :param max_bytes: what lies behind is left out.
    :raises httpx.DecodingError: it is not compressed in this way, or cut off.
    """
    if encoding is None or encoding.lower() not in {b"gzip", b"x-gzip", b"deflate"} or not body:
        return body
    is_cut = len(body) >= max_bytes
    try:
        return _decompress(body, ZLIB_OR_GZIP, max_bytes=max_bytes, is_cut=is_cut)
    except zlib.error:
        pass
    try:  # some servers call this deflate
        return _decompress(body, BARE_DEFLATE, max_bytes=max_bytes, is_cut=is_cut)
    except zlib.error as error:
        raise httpx.DecodingError(f"the answer is not compressed with {encoding.decode(errors='replace')}") from error


def _decompress(body: bytes, wbits: int, *, max_bytes: int, is_cut: bool) -> bytes:
    decompressor = zlib.decompressobj(wbits)
    content = decompressor.decompress(body, max_bytes)
    if not decompressor.eof and len(content) < max_bytes and not is_cut:
        raise httpx.DecodingError("the compressed answer is cut off")
    return content
