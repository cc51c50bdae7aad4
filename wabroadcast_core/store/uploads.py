"""Files that were handed in: kept in the store in pieces, so that no host needs a shared disk."""

import io
from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.tables import upload_chunks, uploads

CHUNK_BYTES = 1024 * 1024


def insert_upload(conn: Connection, key: str, *, filename: str | None, content_type: str | None, now: float) -> None:
    conn.execute(
        insert(uploads).values(
            id=key, filename=filename, content_type=content_type, chunk_size=CHUNK_BYTES, created_at=now
        )
    )


def append_chunks(conn: Connection, key: str, chunks: Iterable[tuple[int, bytes]]) -> None:
    """Add pieces by their position; every one but the last is ``CHUNK_BYTES`` long."""
    rows = [{"upload_id": key, "position": position, "data": data} for position, data in chunks]
    if rows:
        conn.execute(insert(upload_chunks), rows)


def complete_upload(conn: Connection, key: str, *, size: int) -> None:
    conn.execute(update(uploads).where(uploads.c.id == key).values(size=size, complete=True))


def delete_upload(conn: Connection, key: str) -> None:
    conn.execute(delete(upload_chunks).where(upload_chunks.c.upload_id == key))
    conn.execute(delete(uploads).where(uploads.c.id == key))


def find_upload(conn: Connection, key: str) -> RowMapping | None:
    statement = select(uploads).where(uploads.c.id == key, uploads.c.complete)
    return conn.execute(statement).mappings().one_or_none()


class UploadReader(io.RawIOBase):
    """An upload as a seekable file; one piece is in memory at a time."""

    def __init__(self, database: Database, key: str) -> None:
        """:raises NotFoundError: there is no such upload."""
        with database.read() as conn:
            row = find_upload(conn, key)
        if row is None:
            raise NotFoundError("upload", key)
        self._database = database
        self._key = key
        self._size: int = row["size"]
        self._chunk_size: int = row["chunk_size"]
        self._offset = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        self._offset = max(0, base + offset)
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # narrower than any Buffer
        if self._offset >= self._size:
            return 0
        position, start = divmod(self._offset, self._chunk_size)
        piece = self._chunk(position)[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._offset += len(piece)
        return len(piece)

    def _chunk(self, position: int) -> bytes:
        if self._held[0] != position:
            statement = select(upload_chunks.c.data).where(
                upload_chunks.c.upload_id == self._key, upload_chunks.c.position == position
            )
            with self._database.read() as conn:
                self._held = (position, bytes(conn.execute(statement).scalar_one()))
        return self._held[1]


def open_upload(database: Database, key: str) -> io.BufferedReader:
    """:raises NotFoundError: there is no such upload."""
    return io.BufferedReader(UploadReader(database, key), buffer_size=CHUNK_BYTES)


class UploadWriter:
    """Takes bytes as they come and stores them in pieces, a transaction each; nothing but one piece is held."""

    def __init__(
        self, database: Database, key: str, *, now: float, filename: str | None = None, content_type: str | None = None
    ) -> None:
        self._database = database
        self.key = key
        self.size = 0
        self._position = 0
        self._held = bytearray()
        with database.write() as conn:
            insert_upload(conn, key, filename=filename, content_type=content_type, now=now)

    def write(self, data: bytes) -> None:
        self._held += data
        self.size += len(data)
        if len(self._held) >= CHUNK_BYTES:
            self._flush(whole=False)

    def close(self) -> None:
        """Store the rest; only then the upload exists for others."""
        self._flush(whole=True)
        with self._database.write() as conn:
            complete_upload(conn, self.key, size=self.size)

    def discard(self) -> None:
        with self._database.write() as conn:
            delete_upload(conn, self.key)

    def _flush(self, *, whole: bool) -> None:
        pieces: list[tuple[int, bytes]] = []
        while len(self._held) >= CHUNK_BYTES or (whole and self._held):
            pieces.append((self._position, bytes(self._held[:CHUNK_BYTES])))
            del self._held[:CHUNK_BYTES]
            self._position += 1
        with self._database.write() as conn:
            append_chunks(conn, self.key, pieces)
