"""The examination of the store: its version, its tables, damage, and what a commit takes."""

import statistics
import time
from collections.abc import Iterator

from host_litestar.doctor.findings import Finding, Level, fault_of, judge, ok, warning
from host_litestar.doctor.texts import say
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.integrity import check_at_start, check_integrity
from wabroadcast_core.store.schema import Schema, read_schema

PART = "store"
COMMITS = 5
SLOW_COMMIT = 0.2  # seconds; the pace holds up to here
BAD_COMMIT = 1.0
CHECK_SECONDS = 30.0  # for the pages and rows, and again for the indexes
LOCK_SECONDS = 5.0  # that a commit waits for other writers


def examine_store(database: Database, *, now: float, thorough: bool = True) -> Iterator[Finding]:
    """Yield what is found about the store. It is not migrated, and damage is looked for before anything opens it.

    :param thorough: also measure commits and search for damage, which takes a while.
    """
    try:
        if thorough:
            check_at_start(database)
        with database.read() as conn:
            yield ok(PART, _version_of(database))
            schema = read_schema(conn)
        yield _migrations(schema)
        if thorough and schema.is_current:
            yield _commit_latency(database, now=now)
        if thorough:
            yield from _integrity(database)
    except BroadcastError as error:
        yield fault_of(PART, getattr(error, "cause", None) or str(error))


def _version_of(database: Database) -> Sentence:
    with database.db_engine.connect() as conn:
        version = ".".join(map(str, conn.dialect.server_version_info or ()))
    return say("version", name="SQLite" if database.is_sqlite else "PostgreSQL", version=version)


def _migrations(schema: Schema) -> Finding:
    version = schema.present or ""
    if schema.is_current:
        return ok(PART, say("tables_current", version=version))
    if not schema.is_known:
        return Finding(PART, Level.FAULT, say("tables_newer", version=version), say("install_newer"), blocks=True)
    fact = say("tables_old", version=version) if version else say("no_tables")
    return Finding(PART, Level.WARNING, fact, say("migrate"), blocks=True)


def _commit_latency(database: Database, *, now: float) -> Finding:
    seconds = []
    for _ in range(COMMITS):
        began = time.perf_counter()
        with database.write(lock_seconds=LOCK_SECONDS) as conn:
            installation_store.probe_write(conn, now=now)
        seconds.append(time.perf_counter() - began)
    median, worst = statistics.median(seconds), max(seconds)
    return judge(
        PART,
        say("commit", median=round(median * 1000, 1), worst=round(worst * 1000, 1)),
        median,
        warn_from=SLOW_COMMIT,
        fault_from=BAD_COMMIT,
        remedy=say("move_store"),
    )


def _integrity(database: Database) -> Iterator[Finding]:
    if database.sqlite_path is None:
        return
    if check_integrity(database, quick_seconds=CHECK_SECONDS, full_seconds=CHECK_SECONDS):
        yield ok(PART, say("no_damage"))
    else:
        yield warning(
            PART,
            say("damage_not_searched", seconds=2 * CHECK_SECONDS),
            say("search_damage", path=str(database.sqlite_path)),
        )
