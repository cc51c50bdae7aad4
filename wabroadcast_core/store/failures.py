"""The causes for which a store cannot be used, in words that say what to do. They name no address and no value."""

import sqlite3

from sqlalchemy.exc import DBAPIError

_DISK_FULL = "its disk is full: free space on it"
_DAMAGED = (
    "its file is damaged: stop all processes and restore a backup, or save what can be read with "
    "`sqlite3 wabroadcast.db .recover | sqlite3 recovered.db`"
)
_SQLITE_CAUSES = {  # by primary result code
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_READONLY: "its file cannot be written: grant this user write permission on it and its directory",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened: grant this user permission on it and its directory",
    sqlite3.SQLITE_IOERR: "a read or a write of its disk failed: check the disk and the free space on it",
    sqlite3.SQLITE_BUSY: "another process has locked it: end that process",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_POSTGRESQL_CAUSES = {  # by SQLSTATE
    "25006": "it takes no writes, as a standby does: set WABROADCAST_DATABASE_URL to the primary server",
    "53100": _DISK_FULL,
    "53200": "its server is out of memory: see the log of the server",
    "53300": "its server has too many connections: raise max_connections, or start fewer processes",
    "57P03": "its server is starting or stopping: wait",
    "28P01": "its server refuses the user or the password: correct WABROADCAST_DATABASE_URL",
    "28000": "its server refuses the user: correct WABROADCAST_DATABASE_URL, or allow the user in pg_hba.conf",
    "3D000": "its database does not exist: create it, or correct WABROADCAST_DATABASE_URL",
    "42501": "its user lacks a permission: grant the user all rights on the tables",
    "XX001": "its data is damaged: see the log of the server, and restore a backup",
    "XX002": "an index is damaged: run REINDEX DATABASE on its server",
}
_MESSAGES = {  # of psycopg, for a server that refuses a connection: then there is no SQLSTATE
    "password authentication failed": _POSTGRESQL_CAUSES["28P01"],
    "no pg_hba.conf entry": _POSTGRESQL_CAUSES["28000"],
    "too many": _POSTGRESQL_CAUSES["53300"],
    "is starting up": _POSTGRESQL_CAUSES["57P03"],
    "does not exist": _POSTGRESQL_CAUSES["3D000"],
}


def describe_failure(error: DBAPIError) -> str | None:
    """Return why the store cannot be used and what to do; None if the cause is not known."""
    driver_error = error.orig
    if isinstance(driver_error, sqlite3.Error):
        return _SQLITE_CAUSES.get(getattr(driver_error, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(driver_error, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL_CAUSES.get(state)
    text = str(driver_error)
    return next((cause for part, cause in _MESSAGES.items() if part in text), None)
