"""The contract suite of contact sources."""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from itertools import islice, zip_longest
from typing import Any, ClassVar, Final, cast
from unittest import SkipTest

from wabroadcast_core.errors import BroadcastError, FileError, SourceError
from wabroadcast_core.hookspecs import ChecksSettings, ContactSource, SourceContext
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.plugins.class_checks import faults_of_contact_source
from wabroadcast_core.testing.contexts import source_context
from wabroadcast_core.testing.contracts.checking import (
    LOGGED_NUMBER,
    LOGGED_SECRET,
    captured_output,
    has_number,
    has_secret,
    require,
    require_no_faults,
    type_of,
)
from wabroadcast_core.testing.contracts.plugin_class import PluginClassContract

MOST_BYTES_A_ROW: Final = 100  # by which memory may grow; a row that is held takes several hundred
_GARBAGE: Final = b"\x00\xff\xfe\x80" * 64
_GROWING: Final = (Sequence, AbstractSet, Mapping)


class ContactSourceContract(PluginClassContract):
    """The contract of contact sources.

    Set ``source_class``, ``settings`` as a broadcast gives them (without ``type``), and ``rows``. Override
    :meth:`make_context` to add uploads and contacts, and :meth:`make_long_context` so that streaming is checked.
    """

    source_class: ClassVar[type[ContactSource]]
    """The contact source under test."""
    rows: ClassVar[int | None] = None
    """How many rows it yields with these settings; None: any number, but not 0."""

    long_rows: ClassVar[tuple[int, int]] = (4_000, 12_000)
    """The rows of the two long audiences; those of the first fill the fixed buffers of the source."""

    @property
    def plugin_class(self) -> type[ContactSource]:
        return self.source_class

    def make_context(self) -> SourceContext:
        """Create the context of the source. By default it has no uploads and no contacts."""
        return source_context()

    def make_long_context(self, rows: int) -> SourceContext | None:
        """Create a context in which the source yields so many rows, each of a few hundred characters.

        None (the default): whether its memory grows with the rows is not checked.
        """
        del rows
        return None

    def read(self, context: SourceContext | None = None) -> Iterator[AudienceRow]:
        """Create the source and return an iterator over its rows.

        :param context: by default a new one of :meth:`make_context`.
        """
        return iter(self.source_class(self.make_settings(), context or self.make_context()).read())

    def test_its_class_can_be_registered(self) -> None:
        require_no_faults(faults_of_contact_source(self.source_class))

    def test_it_yields_its_rows(self) -> None:
        rows = self._read_all()

        expected = "at least 1" if self.rows is None else str(self.rows)
        is_expected = len(rows) == self.rows if self.rows is not None else bool(rows)
        require(is_expected, f"it yields {len(rows)} rows instead of {expected}: check read(), or `rows` in the test")

    def test_its_check_finds_no_fault_in_valid_settings(self) -> None:
        source = self.source_class(self.make_settings(), self.make_context())
        faults = source.check_settings() if isinstance(source, ChecksSettings) else []

        paths = ", ".join(fault.path or "the settings" for fault in faults)
        require(not faults, f"check_settings refuses the settings of this test ({paths}): correct it, or the settings")

    def test_its_values_are_plain(self) -> None:
        for place, row in enumerate(self._read_all(), 1):
            require_no_faults([f"row {place}: {fault}" for fault in _faults_of_row(row)])

    def test_its_row_numbers_grow(self) -> None:
        numbers = [row.row for row in self._read_all() if row.row is not None]

        require(
            numbers == sorted(set(numbers)) and (not numbers or numbers[0] >= 1),
            "AudienceRow.row does not grow from row to row: give the line of the file, from 1, or leave it out",
        )

    def test_it_streams(self) -> None:
        rows: Any = self.source_class(self.make_settings(), self.make_context()).read()

        require(
            isinstance(rows, Iterable) and not isinstance(rows, (*_GROWING, Sized)),
            f"read returned {type_of(rows)}, which grows with the audience: make it a generator that yields the rows",
        )
        _close(iter(rows))

    def test_its_memory_does_not_grow_with_the_audience(self) -> None:
        few, many = self.long_rows
        each = (self._peak_of(many) - self._peak_of(few)) / (many - few)

        require(
            each < MOST_BYTES_A_ROW,
            f"while it reads, memory grows by {each:.0f} bytes a row: it collects rows or reads the whole file before "
            "it yields. Yield each row as soon as it is read, from open_upload's file or a cursor of the server",
        )

    def test_a_read_may_be_abandoned(self) -> None:
        rows = self.read()
        before = len(list(islice(rows, 1)))
        _close(rows)

        self._require_complete(self._read_all(), "after a read that was abandoned", at_least=before)

    def test_two_reads_at_the_same_time_do_not_disturb_each_other(self) -> None:
        first, second = self.read(), self.read()
        pairs = list(zip_longest(first, second))

        for number in (0, 1):
            rows = [pair[number] for pair in pairs if pair[number] is not None]
            self._require_complete(rows, "while another read runs (a preview and a broadcast)")

    def test_a_missing_upload_raises_a_broadcast_error(self) -> None:
        if "uploadId" not in self.settings:
            return
        try:
            list(self.read(source_context()))
        except BroadcastError:
            return
        except BaseException as error:
            raise AssertionError(
                f"an upload that does not exist raises {describe_fault(error)}: let NotFoundError of open_upload pass"
            ) from error
        raise AssertionError("no error was raised for an upload that does not exist: let NotFoundError pass")

    def test_a_damaged_upload_raises_a_broadcast_error(self) -> None:
        """Read bytes that are no file of any format, and a file that is cut. To yield damaged rows is right too."""
        if "uploadId" not in self.settings:
            return
        upload_id = str(self.settings["uploadId"])
        with self.make_context().open_upload(upload_id) as file:
            whole = file.read()
        for damaged in (_GARBAGE, whole[: len(whole) // 2] + _GARBAGE):
            self._read_damaged(source_context(uploads={upload_id: damaged}))

    def test_it_is_repeatable_if_it_declares_so(self) -> None:
        if self.source_class.repeatable:
            require(
                self._read_all() == self._read_all(),
                "two reads yield different rows, and `repeatable` is True: keep the order (ORDER BY), or set False",
            )

    def test_it_can_be_read_twice(self) -> None:
        first = len(self._read_all())

        self._require_complete(self._read_all(), "in a second read (after a preview)", at_least=first)

    def test_its_log_contains_no_secret_and_no_number(self) -> None:
        with captured_output() as output:
            numbers = [str(row.number) for row in self._read_all()]

        require(not has_number(output.shown, numbers), LOGGED_NUMBER)
        require(not has_secret(output.whole, self.make_settings()), LOGGED_SECRET)

    def _read_damaged(self, context: SourceContext) -> None:
        """Read a damaged upload and check the error that it raises, if it raises one."""
        try:
            list(self.read(context))
        except BroadcastError as error:
            self._check_error(error)
        except BaseException as error:
            raise AssertionError(
                f"an upload that is damaged raises {describe_fault(error)}: raise FileError with the row"
            ) from error

    def _check_error(self, error: BroadcastError) -> None:
        require(
            isinstance(error, SourceError | FileError),
            f"an upload that is damaged raises {type_of(error)}: raise FileError, or SourceError",
        )
        numbers = [str(row.number) for row in self._read_all()]
        require(
            not has_number(str(error), numbers) and not has_secret(str(error), self.make_settings()),
            f"the text of a {type_of(error)} contains a phone number or a secret: name the row and the column instead",
        )

    def _read_all(self) -> list[AudienceRow]:
        """Return all rows.

        :raises AssertionError: the source raised an exception, or yielded something else.
        """
        try:
            rows: list[object] = list(self.read())
        except (SourceError, FileError) as error:
            raise AssertionError(f"it refuses the audience of this test: {error}") from error
        except BaseException as error:
            raise AssertionError(
                f"read raised {describe_fault(error)}: raise SourceError or FileError with a text for the user"
            ) from error
        strange = sorted({type_of(row) for row in rows if not isinstance(row, AudienceRow)})
        require(not strange, f"it yields {', '.join(strange)}: yield AudienceRow(number=…)")
        return [row for row in rows if isinstance(row, AudienceRow)]

    def _require_complete(self, rows: Sequence[object], when: str, *, at_least: int = 1) -> None:
        expected = at_least if self.rows is None else self.rows
        is_complete = len(rows) >= expected if self.rows is None else len(rows) == expected
        require(
            is_complete,
            f"{when} it yields {len(rows)} rows instead of {expected}: keep no iterator or file in the class or the "
            "module, and open the data anew in read()",
        )

    def _peak_of(self, rows: int) -> int:
        """Return the most memory that a read of a long audience takes, in bytes.

        :raises SkipTest: the test has no long audience.
        """
        context = self.make_long_context(rows)
        if context is None:
            raise SkipTest("memory is not checked: override make_long_context to return a long audience")
        source = self.read(context)
        tracemalloc.start()
        try:
            read = sum(1 for _ in source)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        require(read >= rows, f"make_long_context({rows}) is to have {rows} rows, and the source yields {read}")
        return peak


def _faults_of_row(row: AudienceRow) -> Iterator[str]:
    number, name = cast("tuple[object, object]", (row.number, row.name))
    if not isinstance(number, str):
        yield f"number is {type_of(number)}: yield it as a text, as it was found"
    if not isinstance(name, str | None):
        yield f"name is {type_of(name)}: yield a text or None"
    if not all(isinstance(name, str) for name in row.variables):
        yield "the name of a variable is not a text"
    strange = sorted({type_of(value) for value in row.variables.values() if not _is_scalar(value)})
    if strange:
        yield f"a variable is {', '.join(strange)}: yield a text, a number, True, False or None"


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | None)


def _close(rows: Iterator[object]) -> None:
    """Close an iterator that is not read to its end, as a reader does."""
    close: Callable[[], None] | None = getattr(rows, "close", None)
    if close is not None:
        close()
