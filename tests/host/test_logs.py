"""Log lines: one line an event, phone numbers masked."""

import logging
import sys

import pytest

from host_litestar.logs import LineFormatter


def line_of(message: str, *arguments: object, error: Exception | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("wabroadcast", logging.INFO, __file__, 1, message, arguments, info)
    return LineFormatter("web").format(record)


@pytest.mark.parametrize(
    "text", ["+6281234567890", "081234567890", "6281234567890", "to +6281234567890, or 0812345678901"]
)
def test_a_number_is_masked(text: str) -> None:
    line = line_of("sent %s", text)

    assert "1234567" not in line
    assert "…" in line


@pytest.mark.parametrize("text", ["0b1f5c0a-7d0e-4f43-9a55-123456789012", "1.123456789s", "batch 12345678"])
def test_other_digits_are_not_masked(text: str) -> None:
    assert text in line_of(text)


def test_a_traceback_is_folded_into_one_line() -> None:
    try:
        int("+6281234567890\nx")
    except ValueError:
        error = sys.exc_info()[1]

    assert isinstance(error, ValueError)
    line = line_of("failed", error=error)

    assert "\n" not in line
    assert "ValueError" in line
    assert "test_logs.py" in line
    assert "6281234567890" not in line
