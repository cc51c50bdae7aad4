"""Numbers of people who said stop, from a table of the operator's own database.

Hooks: wab_blacklisted. Settings: CRM_STOPS_DATABASE, an SQLAlchemy address, and CRM_STOPS_TABLE, by default ``stops``;
off without the first one.

The table has an indexed column ``number`` with numbers in E.164. A database that cannot be reached
raises an error: nothing is sent until it answers again.
"""

import os
from collections.abc import Sequence

from sqlalchemy import Column, Engine, MetaData, NullPool, String, Table, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from wabroadcast_core import PluginError, Settings, SetupError, hookimpl

SETTINGS = ("CRM_STOPS_DATABASE", "CRM_STOPS_TABLE")
MOST_NUMBERS = 500  # of one query: databases limit the parameters of a statement
REASON = "listed in the CRM as a stop"


class CrmStops:
    """A blacklist that is a table of a database.

    :param engine: connects when the first number is looked up.
    :param table: the name of the table.
    """

    def __init__(self, engine: Engine, *, table: str) -> None:
        self._engine = engine
        self._number = Table(table, MetaData(), Column("number", String)).c.number

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> dict[str, str]:
        parts = [numbers[start : start + MOST_NUMBERS] for start in range(0, len(numbers), MOST_NUMBERS)]
        try:
            with self._engine.connect() as conn:
                queries = (select(self._number).where(self._number.in_(part)) for part in parts)
                return {number: REASON for query in queries for number in conn.scalars(query)}
        except SQLAlchemyError as error:
            raise PluginError(
                f"the stops of the CRM cannot be read ({type(error).__name__}): check its database"
            ) from None


def create_plugin(settings: Settings) -> CrmStops | None:
    """Return the plugin, or None where no database is set.

    :raises SetupError: the address is not valid. The text does not show it, because it may contain a password.
    """
    del settings
    address = os.environ.get(SETTINGS[0])
    if not address:
        return None
    try:
        engine = create_engine(address, poolclass=NullPool)  # no connection is held between two checks
        return CrmStops(engine, table=os.environ.get(SETTINGS[1], "stops"))
    except (SQLAlchemyError, ImportError) as error:
        raise SetupError(
            f"{SETTINGS[0]} is not the address of a database ({type(error).__name__}): correct it"
        ) from None
