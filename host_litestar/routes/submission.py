"""Reads the body of a submit: first to disk, then as a draft and a stream of recipients, never as a list of them."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

import ijson
from ijson.common import ObjectBuilder
from ijson.utils import sendable_list

from wabroadcast_core.errors import Fault, InvalidInputError

SPOOL_BYTES = 1024 * 1024  # a body up to this size never touches the disk
_PIECE = 64 * 1024
_RECIPIENTS = "recipients"
_OPENING = frozenset({"start_map", "start_array"})
_CLOSING = frozenset({"end_map", "end_array"})

Event = tuple[str, Any]


async def spool_body(stream: AsyncIterator[bytes]) -> IO[bytes]:
    """Put a body into a temporary file. The caller closes it; the stream keeps the size limit."""
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the caller owns it
    try:
        async for piece in stream:
            file.write(piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def read_draft(body: IO[bytes]) -> tuple[dict[str, Any], bool]:
    """All of the body but its recipients, and whether it has any.

    The whole body is checked to be JSON on the way, so that reading the recipients later cannot fail.

    :raises InvalidInputError: the body is no JSON object, or names a field twice, or its recipients are no array.
    """
    body.seek(0)
    try:
        return _read_object(ijson.basic_parse(body, use_float=True))
    except (ijson.JSONError, UnicodeDecodeError):
        raise InvalidInputError([Fault("", _locate_error(body))]) from None


def read_recipients(body: IO[bytes]) -> Iterator[Any]:
    """Each recipient as it stands, one at a time."""
    body.seek(0)
    yield from ijson.items(body, f"{_RECIPIENTS}.item", use_float=True)


def _read_object(events: Iterator[Event]) -> tuple[dict[str, Any], bool]:
    if next(events) != ("start_map", None):
        for _ in events:  # not JSON is the graver fault
            pass
        raise InvalidInputError([Fault("", "the body must be a JSON object")])
    draft: dict[str, Any] = {}
    faults: list[Fault] = []
    has_recipients: bool | None = None
    for event, key in events:
        if event != "map_key":  # the object's end
            continue
        if key in draft or (key == _RECIPIENTS and has_recipients is not None):
            faults.append(Fault(key, "given twice"))
        if key == _RECIPIENTS:
            has_recipients = _skip_recipients(events, faults)
        else:
            draft[key] = _read_value(events)
    if faults:
        raise InvalidInputError(faults)
    return draft, bool(has_recipients)


def _skip_recipients(events: Iterator[Event], faults: list[Fault]) -> bool:
    event, _ = next(events)
    if event == "null":
        return False
    if event != "start_array":
        faults.append(Fault(_RECIPIENTS, "must be an array"))
    _skip_rest(events, event)
    return True


def _skip_rest(events: Iterator[Event], event: str) -> None:
    """Pass over what follows the first event of a value; a plain loop, for the millions of events there may be."""
    depth = int(event in _OPENING)
    if not depth:
        return
    for following, _ in events:
        if following in _OPENING:
            depth += 1
        elif following in _CLOSING:
            depth -= 1
            if not depth:
                return


def _read_value(events: Iterator[Event]) -> Any:
    builder = ObjectBuilder()
    depth = 0
    for event, value in events:
        builder.event(event, value)
        depth += (event in _OPENING) - (event in _CLOSING)
        if not depth:
            break
    return builder.value


def _locate_error(body: IO[bytes]) -> str:
    """Where a body stops being JSON: its last piece is fed again, byte by byte."""
    body.seek(0)
    good_pieces = _count_good(iter(lambda: body.read(_PIECE), b""), after=iter(()))
    body.seek(0)
    before = (body.read(_PIECE) for _ in range(good_pieces))
    good_bytes = _count_good(iter(lambda: body.read(1), b""), after=before)
    return _describe_place(body, good_pieces * _PIECE + good_bytes)


def _count_good(pieces: Iterator[bytes], *, after: Iterator[bytes]) -> int:
    """How many whole ``pieces`` are JSON before the one at fault."""
    events: list[Event] = sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    for piece in after:
        parser.send(piece)
        events.clear()
    taken = 0
    try:
        for piece in pieces:
            parser.send(piece)
            events.clear()
            taken += 1
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return taken


def _describe_place(body: IO[bytes], offset: int) -> str:
    body.seek(0)
    line, last_start, position = 1, 0, 0
    while piece := body.read(min(_PIECE, offset - position)):
        if newlines := piece.count(b"\n"):
            line += newlines
            last_start = position + piece.rindex(b"\n") + 1
        position += len(piece)
    if not body.read(1):
        return "not JSON: the body ends too early" if offset else "the body is empty"
    return f"not JSON: line {line}, column {offset - last_start + 1} (byte {offset + 1})"
