"""The column of a text that may be a sentence of our own: its code and values are stored behind its English words."""

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from wabroadcast_core.sentences import read_text, write_text
from wabroadcast_core.store.sql import clean_text


class SentenceText(TypeDecorator[str]):
    """A text of our own or of others. Statements in SQL that write one call ``write_text`` themselves."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the signature of SQLAlchemy
        """Return a text as it is stored."""
        written = write_text(value)
        return None if written is None else clean_text(written)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as above
        """Return a stored text."""
        return read_text(value)
