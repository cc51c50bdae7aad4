"""The causes for which a store cannot be used, in words that say what to do. They name no address and no value."""

import sqlite3

from sqlalchemy.exc import DBAPIError

from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence

_SQLITE_CAUSES = {  # by primary result code
    sqlite3.SQLITE_FULL: "store_disk_full",
    sqlite3.SQLITE_READONLY: "store_readonly",
    sqlite3.SQLITE_CANTOPEN: "store_not_opened",
    sqlite3.SQLITE_IOERR: "store_disk_fails",
    sqlite3.SQLITE_BUSY: "store_locked",
    sqlite3.SQLITE_CORRUPT: "store_damaged",
    sqlite3.SQLITE_NOTADB: "store_damaged",
}
_POSTGRESQL_CAUSES = {  # by SQLSTATE
    "25006": "store_standby",
    "53100": "store_disk_full",
    "53200": "store_no_memory",
    "53300": "store_connections",
    "57P03": "store_starting",
    "28P01": "store_password",
    "28000": "store_user",
    "3D000": "store_missing",
    "42501": "store_permission",
    "XX001": "store_data_damaged",
    "XX002": "store_index_damaged",
}
_MESSAGES = {  # of psycopg, for a server that refuses a connection: then there is no SQLSTATE
    "password authentication failed": _POSTGRESQL_CAUSES["28P01"],
    "no pg_hba.conf entry": _POSTGRESQL_CAUSES["28000"],
    "too many": _POSTGRESQL_CAUSES["53300"],
    "is starting up": _POSTGRESQL_CAUSES["57P03"],
    "does not exist": _POSTGRESQL_CAUSES["3D000"],
}


def describe_failure(error: DBAPIError) -> Sentence | None:
    """Return why the store cannot be used and what to do; None if the cause is not known."""
    code = _code_of(error)
    return None if code is None else say(code)


def _code_of(error: DBAPIError) -> str | None:
    driver_error = error.orig
    if isinstance(driver_error, sqlite3.Error):
        return _SQLITE_CAUSES.get(getattr(driver_error, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(driver_error, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL_CAUSES.get(state)
    text = str(driver_error)
    return next((code for part, code in _MESSAGES.items() if part in text), None)
