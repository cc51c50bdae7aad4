"""Export of the contact book as a file that our own import reads: number, name, tags, then a column per variable.

The contacts are read twice, a page at a time: first, inside the database, for the names of their variables, then for
the rows. A variable that is added between the two reads is left out. Of more variables than a file has columns, the
file has those that most contacts have. An import of the file restores numbers, names and tags unchanged, and variables
as texts; an empty value and None are both restored as no value.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import lasting_cell, lasting_number
from wabroadcast_core.audience.headers import exact_header
from wabroadcast_core.audience.table_files import csv_pieces
from wabroadcast_core.models.contact import OWN_COLUMNS
from wabroadcast_core.models.recipient import MOST_COLUMNS, Scalar, scalar_text
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.database import Database

log = logging.getLogger(__name__)

MOST_VARIABLES = MOST_COLUMNS - len(OWN_COLUMNS)

Row = list[Any]
"""The number of a contact, its name, its tags, and the values of its variables."""


def contact_table(database: Database, *, tag: str | None, query: str | None) -> Iterator[list[Row]]:
    """Return the table of contacts that a list shows.

    :param tag: only contacts with this tag.
    :param query: only contacts that this search finds.
    :returns: the rows page by page; the first page is the header alone. Of more variables than a file has columns it
        has those that most contacts have.
    """
    found = contact_store.variable_names(database, tag=tag, query=query)
    names = [name for name in found if name not in OWN_COLUMNS]
    if len(names) > MOST_VARIABLES:
        log.warning(
            "the contacts have more variables than a file has columns: the %d most frequent are exported;"
            " export the contacts of one tag for the others",
            MOST_VARIABLES,
        )
    return _rows(database, sorted(names[:MOST_VARIABLES]), tag=tag, query=query)


def _rows(database: Database, names: Sequence[str], *, tag: str | None, query: str | None) -> Iterator[list[Row]]:
    yield [[*OWN_COLUMNS, *map(exact_header, names)]]
    for page in contact_store.contact_pages(database, tag=tag, query=query):
        with database.read() as conn:
            tags = tag_store.tags_of(conn, [row["id"] for row in page])
        yield [_cells(row, tags, names) for row in page]


def _cells(row: RowMapping, tags: Mapping[int, Sequence[str]], names: Sequence[str]) -> Row:
    variables = json.loads(row["variables"])
    values = (_text_of(variables.get(name)) for name in names)
    return [row["number"], row["name"], ", ".join(tags[row["id"]]), *values]


def _text_of(value: Scalar) -> str:
    return "" if value is None else scalar_text(value)


def export_csv(database: Database, *, tag: str | None, query: str | None) -> Iterator[bytes]:
    """Export the table of contacts as CSV. The use of memory does not grow with the number of contacts.

    :param tag: only contacts with this tag.
    :param query: only contacts that this search finds.
    :returns: the pieces of the file.
    """
    pages = contact_table(database, tag=tag, query=query)
    [header] = next(pages)
    return csv_pieces(header, map(_lasting, pages))


def _lasting(page: list[Row]) -> list[Row]:
    """Return rows in a form that survives a spreadsheet."""
    return [[lasting_number(number), *map(lasting_cell, texts)] for number, *texts in page]
