"""The check that the secret key is the one that the store was used with."""

from sqlalchemy import Connection

from wabroadcast_core.errors import SetupError
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.vault import Vault


def check_secret_key(database: Database, vault: Vault) -> None:
    """Check that the vault opens what the store has; keep a check value in a store without one.

    A vault with old keys encrypts everything with the new one, so that the old ones can be taken away.

    :raises SetupError: the store was used with another secret key.
    :raises UnavailableError: the store cannot be reached.
    """

    def check(conn: Connection) -> None:
        row = installation_store.read(conn)
        if row is not None and row["key_check"] is not None:
            sealed = [row["key_check"]]
        else:
            sealed = [connection["settings"] for connection in connection_store.list_connections(conn)]
        if sealed and not any(_opens(vault, document) for document in sealed):
            raise SetupError(
                "the store was used with another secret key than the one of this process: set WABROADCAST_SECRET_KEY "
                "to that key, or copy secret.key from the data directory of the processes that use it, or from a backup"
            )
        if row is None or row["key_check"] is None:
            installation_store.write(conn, key_check=vault.seal({}))
        elif vault.has_old_keys:
            installation_store.write(conn, key_check=vault.rotate(row["key_check"]))
        if vault.has_old_keys:
            connection_store.reseal_settings(conn, vault.rotate)

    try:
        database.transact(check)
    except SetupError:
        vault.discard_new_key()
        raise


def _opens(vault: Vault, document: bytes) -> bool:
    try:
        vault.open(document)
    except SetupError:
        return False
    return True
