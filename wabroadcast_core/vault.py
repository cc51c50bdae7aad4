"""Encryption of secrets at rest. The settings of connections are encrypted with a key that is not in the store."""

import json
import os
import time
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from wabroadcast_core.errors import SetupError
from wabroadcast_core.private_files import make_private_directory


class Vault:
    """Encrypts and decrypts small JSON documents.

    :param key: a Fernet key: 32 bytes in URL-safe base64. Several keys are separated by commas: the first one encrypts,
        and documents that one of the others has encrypted are opened too.
    :param new_file: the file of the key, if it was created just now.
    :raises SetupError: the key is not valid.
    """

    def __init__(self, key: str | bytes, *, new_file: Path | None = None) -> None:
        self._new_file = new_file
        try:
            text = key.decode() if isinstance(key, bytes) else key
            keys = [Fernet(part.strip()) for part in text.split(",")]
            self._fernet = MultiFernet(keys)
        except ValueError as error:
            raise SetupError(
                "WABROADCAST_SECRET_KEY is not a valid key: set it to 32 random bytes in URL-safe base64, "
                "or to several such keys, the new one first, separated by commas"
            ) from error

        self.has_old_keys = len(keys) > 1

    def discard_new_key(self) -> None:
        """Delete the file of the key, if it was created just now: the store has been used with another key."""
        if self._new_file is not None:
            self._new_file.unlink(missing_ok=True)

    def seal(self, document: dict[str, Any]) -> bytes:
        """Encrypt a document."""
        return self._fernet.encrypt(json.dumps(document).encode())

    def rotate(self, sealed: bytes) -> bytes:
        """Encrypt a document with the first key, if any of the keys opens it; otherwise return it as it is."""
        try:
            return self._fernet.rotate(bytes(sealed))
        except InvalidToken:
            return sealed

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Decrypt a document.

        :raises SetupError: it was encrypted with another key, or is damaged.
        """
        try:
            document: dict[str, Any] = json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken as error:
            raise SetupError(
                "the settings of a connection were encrypted with another key: set WABROADCAST_SECRET_KEY to the key "
                "that was used, or restore secret.key in the data directory"
            ) from error
        return document


def open_vault(key: str | None, *, data_dir: Path) -> Vault:
    """Return a vault with ``key``, or else with the key in ``data_dir``.

    A missing key file is created; only its owner may read it.

    :raises SetupError: the key is not valid, or the directory cannot be written.
    """
    if key:
        return Vault(key)
    path = data_dir / "secret.key"
    stored, is_new = _stored_key(path)
    return Vault(stored, new_file=path if is_new else None)


def _stored_key(path: Path) -> tuple[bytes, bool]:
    """Return the key in the file, and whether it was created just now."""
    try:
        make_private_directory(path.parent)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_whole_key(path), False
        with os.fdopen(descriptor, "wb") as file:
            file.write(key := Fernet.generate_key())
    except OSError as error:
        raise SetupError(f"the data directory {path.parent} cannot be written: {error.strerror}") from error
    return key, True


def _read_whole_key(path: Path) -> bytes:
    """Read the key file; wait up to a second, because another process may be writing it at this moment."""
    for _ in range(100):
        if key := path.read_bytes():
            return key
        time.sleep(0.01)
    raise SetupError(f"the key file {path} is empty: restore it from a backup, or delete it if this is the first start")
