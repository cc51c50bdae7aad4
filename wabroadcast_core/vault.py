"""Secrets at rest: settings of connections are sealed with a key that is not in the store."""

import json
import os
import time
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from wabroadcast_core.errors import SetupError


class Vault:
    """Seals and opens small JSON documents."""

    def __init__(self, key: str | bytes) -> None:
        """:raises SetupError: this is no key."""
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise SetupError("WABROADCAST_SECRET_KEY is no key: it takes 32 bytes in URL-safe base64") from error

    def seal(self, document: dict[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(document).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """:raises SetupError: it was sealed with another key."""
        try:
            document: dict[str, Any] = json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken as error:
            raise SetupError("the connections' secrets were sealed with another WABROADCAST_SECRET_KEY") from error
        return document


def open_vault(key: str | None, *, data_dir: Path) -> Vault:
    """The vault with ``key``, or with the one in ``data_dir`` (made once, readable by its owner only).

    :raises SetupError: the directory cannot be written.
    """
    return Vault(key or _stored_key(data_dir / "secret.key"))


def _stored_key(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_whole_key(path)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key := Fernet.generate_key())
    except OSError as error:
        raise SetupError(f"the data directory {path.parent} cannot be written to: {error.strerror}") from error
    return key


def _read_whole_key(path: Path) -> bytes:
    """Another process may be writing it this moment."""
    for _ in range(100):
        if key := path.read_bytes():
            return key
        time.sleep(0.01)
    raise SetupError(f"{path} is empty")
