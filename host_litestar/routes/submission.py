"""The body of a submit: stored in a temporary file, then read as a draft and a stream of recipients.

The recipients are never in memory all at once. The quick parser refuses whole numbers beyond 64 bits, which JSON allows
(card numbers): a body with one is read by the exact parser, which takes longer.
"""

import math
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import islice
from typing import IO, Any

import ijson
import ijson.backends.python
from ijson.common import ObjectBuilder
from ijson.utils import sendable_list

from wabroadcast_core.errors import Fault, InvalidInputError

SPOOL_BYTES = 1024 * 1024  # a body up to this size stays in memory
_CHUNK_BYTES = 64 * 1024
DEEPEST = 100  # levels of nesting
MOST_VALUES = 20_000  # in one field beside the recipients
MOST_FIELDS = 100
_RECIPIENTS = "recipients"
_OPENING = frozenset({"start_map", "start_array"})
_CLOSING = frozenset({"end_map", "end_array"})

# ValueError: bytes that are not UTF-8; ArithmeticError: an exponent that no number has
_FAULTS = (ijson.JSONError, ValueError, ArithmeticError)
_ENDLESS = 640  # digits: Python may refuse to convert more of them
_ENDLESS_NUMBER = re.compile(b"[0-9]{%d}" % (_ENDLESS + 1))

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
    try:
        body.seek(0)
        return _read_object(ijson.basic_parse(body, use_float=True))
    except _FAULTS:
        pass
    try:
        return _read_object(_convert_decimals(_exact_parser(body).basic_parse(body)))
    except _FAULTS:
        raise InvalidInputError([Fault("", _locate_error(body))]) from None


def read_recipients(body: IO[bytes]) -> Iterator[Any]:
    """Read the recipients of a body one at a time, not validated."""
    prefix = f"{_RECIPIENTS}.item"
    body.seek(0)
    done = 0
    try:
        for item in ijson.items(body, prefix, use_float=True):
            done += 1
            yield item
    except ijson.JSONError:  # a number beyond 64 bits: read_draft has found no other fault
        for item in islice(_exact_parser(body).items(body, prefix), done, None):
            yield _without_decimals(item)


def _exact_parser(body: IO[bytes]) -> Any:
    """Return the parser of exact numbers for a body, which is then at its start.

    That is the one in C, unless the body may have a number that Python does not convert: there it goes on with the
    error set, and may bring the process down.
    """
    body.seek(0)
    before, parser = b"", ijson
    while chunk := body.read(_CHUNK_BYTES):
        if _ENDLESS_NUMBER.search(before + chunk):
            parser = ijson.backends.python
            break
        before = chunk[-_ENDLESS:]
    body.seek(0)
    return parser


def _convert_decimals(events: Iterator[Event]) -> Iterator[Event]:
    for event, value in events:
        yield event, _without_decimals(value)


def _without_decimals(value: Any) -> Any:
    """Return a value of the exact parser as the quick one returns it.

    :raises InvalidInputError: a number is out of the range of a float.
    """
    match value:
        case Decimal():
            if math.isinf(number := float(value)):
                raise InvalidInputError([Fault("", "a number is out of range: write it as text")])
            return number
        case dict():
            return {key: _without_decimals(item) for key, item in value.items()}
        case list():
            return [_without_decimals(item) for item in value]
    return value


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
            draft[key] = _read_value(events, key)
        if len(draft) + len(faults) > MOST_FIELDS:
            raise InvalidInputError([*faults, Fault("", f"the body has more than {MOST_FIELDS} fields")])
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
    """Skip the events of the recipients that follow the first one.

    The loop is kept simple because there may be millions of events.

    :raises InvalidInputError: a recipient is nested too deeply.
    """
    depth = int(event in _OPENING)
    if not depth:
        return
    for following, _ in events:
        if following in _OPENING:
            depth += 1
            if depth > DEEPEST:
                raise InvalidInputError([_too_deep(_RECIPIENTS)])
        elif following in _CLOSING:
            depth -= 1
            if not depth:
                return


def _read_value(events: Iterator[Event], name: str) -> Any:
    """Build the value of a field.

    :raises InvalidInputError: it is nested too deeply, or has too many values.
    """
    builder = ObjectBuilder()
    depth = 0
    for count, (event, value) in enumerate(events):
        builder.event(event, value)
        depth += (event in _OPENING) - (event in _CLOSING)
        if depth > DEEPEST:
            raise InvalidInputError([_too_deep(name)])
        if count > MOST_VALUES:
            raise InvalidInputError([Fault(name, f"has more than {MOST_VALUES:,} values")])
        if not depth:
            break
    return builder.value


def _too_deep(name: str) -> Fault:
    return Fault(name, f"is nested deeper than {DEEPEST} levels")


def _locate_error(body: IO[bytes]) -> str:
    """Return the place where a body stops being JSON.

    The body is parsed again in chunks, and the chunk at fault byte by byte.
    """
    parser = _exact_parser(body)
    valid_chunks = _count_valid(iter(lambda: body.read(_CHUNK_BYTES), b""), parser, after=iter(()))
    body.seek(0)
    before = (body.read(_CHUNK_BYTES) for _ in range(valid_chunks))
    valid_bytes = _count_valid(iter(lambda: body.read(1), b""), parser, after=before)
    return _describe_place(body, valid_chunks * _CHUNK_BYTES + valid_bytes)


def _count_valid(chunks: Iterator[bytes], parser_of: Any, *, after: Iterator[bytes]) -> int:
    """Return the number of ``chunks`` that are valid JSON before the one at fault.

    :param parser_of: the module of the parser.
    :param after: chunks that precede them; these are valid.
    """
    events: list[Event] = sendable_list()
    parser = parser_of.basic_parse_coro(events)
    for chunk in after:
        parser.send(chunk)
        events.clear()
    valid = 0
    try:
        for chunk in chunks:
            parser.send(chunk)
            events.clear()
            valid += 1
    except _FAULTS:
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
