"""The store of this machine's settings, for commands that need no server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wabroadcast_core.settings import Settings
    from wabroadcast_core.store.database import Database


@contextmanager
def open_local_store(settings: "Settings") -> Iterator["Database"]:
    """Open the store, after the check for damage that each start makes. It is not migrated, and Redis is not used.

    :raises SetupError: the store is damaged, or its settings are not valid; the text says what to do.
    """
    from wabroadcast_core.opening import open_store
    from wabroadcast_core.store.integrity import check_at_start

    database = open_store(settings, None)
    try:
        check_at_start(database)
        yield database
    finally:
        database.close()
