"""The body of a submit: stored in a temporary file, then read as a draft and a stream of recipients.

The recipients are never in memory all at once.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

import ijson
from ijson.common import ObjectBuilder
from ijson.utils import sendable_list

from wabroadcast_core.errors import Fault, InvalidInputError

SPOOL_BYTES = 1024 * 1024  # a body up to this size stays in memory
_CHUNK_BYTES = 64 * 1024
_RECIPIENTS = "recipients"
_OPENING = frozenset({"start_map", "start_array"})
_CLOSING = frozenset({"end_map", "end_array"})

Event = tuple[str, Any]


async def spool_body(stream: AsyncIterator[bytes]) -> IO[bytes]:
    """Write a request body to a temporary file.

    :param stream: the body; the stream itself enforces the limit of its size.
    :returns: the file, at its start; the caller closes it.
    """
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the caller owns it
    try:
        async for chunk in stream:
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def read_draft(body: IO[bytes]) -> tuple[dict[str, Any], bool]:
    """Read the fields of a body, without its recipients.

    This parses the whole body, so that reading the recipients later cannot fail.

    :returns: the fields, and whether the body has recipients (an empty array included).
    :raises InvalidInputError: the body is not a JSON object, has a field twice, or its recipients are not an array.
    """
    body.seek(0)
    try:
        return _read_object(ijson.basic_parse(body, use_float=True))
    except (ijson.JSONError, UnicodeDecodeError):
        raise InvalidInputError([Fault("", _locate_error(body))]) from None


def read_recipients(body: IO[bytes]) -> Iterator[Any]:
    """Read the recipients of a body one at a time, not validated."""
    body.seek(0)
    yield from ijson.items(body, f"{_RECIPIENTS}.item", use_float=True)


def _read_object(events: Iterator[Event]) -> tuple[dict[str, Any], bool]:
    if next(events) != ("start_map", None):
        for _ in events:  # parse the rest: if the body is not JSON, report that instead
            pass
        raise InvalidInputError([Fault("", "the body must be a JSON object")])
    draft: dict[str, Any] = {}
    faults: list[Fault] = []
    has_recipients: bool | None = None
    for event, key in events:
        if event != "map_key":  # the end of the object
            continue
        if key in draft or (key == _RECIPIENTS and has_recipients is not None):
            faults.append(Fault(key, "is given twice"))
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
    """Skip the events of a value that follow its first one.

    The loop is kept simple because there may be millions of events.
    """
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
    """Return the place where a body stops being JSON.

    The body is parsed again in chunks, and the chunk at fault byte by byte.
    """
    body.seek(0)
    valid_chunks = _count_valid(iter(lambda: body.read(_CHUNK_BYTES), b""), after=iter(()))
    body.seek(0)
    before = (body.read(_CHUNK_BYTES) for _ in range(valid_chunks))
    valid_bytes = _count_valid(iter(lambda: body.read(1), b""), after=before)
    return _describe_place(body, valid_chunks * _CHUNK_BYTES + valid_bytes)


def _count_valid(chunks: Iterator[bytes], *, after: Iterator[bytes]) -> int:
    """Return the number of ``chunks`` that are valid JSON before the one at fault.

    :param after: chunks that precede them; these are valid.
    """
    events: list[Event] = sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    for chunk in after:
        parser.send(chunk)
        events.clear()
    valid = 0
    try:
        for chunk in chunks:
            parser.send(chunk)
            events.clear()
            valid += 1
    except (ijson.JSONError, UnicodeDecodeError):
        pass
    return valid


def _describe_place(body: IO[bytes], offset: int) -> str:
    body.seek(0)
    line, line_start, position = 1, 0, 0
    while chunk := body.read(min(_CHUNK_BYTES, offset - position)):
        if newlines := chunk.count(b"\n"):
            line += newlines
            line_start = position + chunk.rindex(b"\n") + 1
        position += len(chunk)
    if not body.read(1):
        return "the body is not JSON: it ends too early" if offset else "the body is empty"
    return f"the body is not JSON: fault at line {line}, column {offset - line_start + 1} (byte {offset + 1})"
