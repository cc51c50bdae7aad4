"""Uploads: files in the store, in chunks, so that hosts need no shared disk."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.host_transaction import Transactions
from wabroadcast_core.store.tables import upload_chunks, uploads

CHUNK_BYTES = 1024 * 1024
COPY_PREFIX = "audience-"


def insert_upload(conn: Connection, key: str, *, filename: str | None, content_type: str | None, now: float) -> None:
    """Store a new upload. It is not visible before :func:`complete_upload`."""
    conn.execute(
        insert(uploads).values(
            id=key, filename=filename, content_type=content_type, chunk_size=CHUNK_BYTES, created_at=now
        )
    )


def append_chunks(conn: Connection, key: str, chunks: Iterable[tuple[int, bytes]]) -> None:
    """Store chunks of an upload, each with its position. Every chunk but the last must have ``CHUNK_BYTES``."""
    rows = [{"upload_id": key, "position": position, "data": data} for position, data in chunks]
    if rows:
        conn.execute(insert(upload_chunks), rows)


def complete_upload(conn: Connection, key: str, *, size: int) -> None:
    """Mark an upload as complete, with its size in bytes."""
    conn.execute(update(uploads).where(uploads.c.id == key).values(size=size, complete=True))


def delete_upload(conn: Connection, key: str) -> None:
    """Delete an upload and its chunks."""
    conn.execute(delete(upload_chunks).where(upload_chunks.c.upload_id == key))
    conn.execute(delete(uploads).where(uploads.c.id == key))


def find_upload(conn: Connection, key: str) -> RowMapping | None:
    """Return the row of a complete upload, or None."""
    statement = select(uploads).where(uploads.c.id == key, uploads.c.complete)
    return conn.execute(statement).mappings().one_or_none()


def read_small(conn: Connection, key: str, *, content_type: str, most_bytes: int) -> bytes | None:
    """Return the content of an upload, read at one moment; None if there is none of this type, or it is larger."""
    statement = (
        select(upload_chunks.c.data)
        .join(uploads, uploads.c.id == upload_chunks.c.upload_id)
        .where(uploads.c.id == key, uploads.c.complete, uploads.c.content_type == content_type)
        .where(uploads.c.size <= most_bytes)
        .order_by(upload_chunks.c.position)
    )
    return b"".join(conn.execute(statement).scalars()) or None


def lock_upload(conn: Connection, key: str) -> bool:
    """Lock a complete upload until the end of the transaction, so that it is not deleted meanwhile.

    :returns: false if there is no such upload.
    """
    statement = select(uploads.c.id).where(uploads.c.id == key, uploads.c.complete)
    return conn.execute(statement.with_for_update()).first() is not None


def audience_copy(job_id: str) -> str:
    """Return the id of the upload that holds the copy of a broadcast's audience while that is read."""
    return f"{COPY_PREFIX}{job_id}"


class UploadReader(io.RawIOBase):
    """An upload as a seekable file. One chunk is in memory at a time.

    :raises NotFoundError: no upload has this id.
    """

    def __init__(self, database: Database, key: str) -> None:
        with database.read() as conn:
            row = find_upload(conn, key)
        if row is None:
            raise NotFoundError("upload", key)
        self._database = database
        self._key = key
        self._size: int = row["size"]
        self._chunk_size: int = row["chunk_size"]
        self._offset = 0
        self._cached: tuple[int, bytes] = (-1, b"")

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
        data = self._chunk(position)[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def _chunk(self, position: int) -> bytes:
        if self._cached[0] != position:
            statement = select(upload_chunks.c.data).where(
                upload_chunks.c.upload_id == self._key, upload_chunks.c.position == position
            )
            with self._database.read() as conn:
                self._cached = (position, bytes(conn.execute(statement).scalar_one()))
        return self._cached[1]


def open_upload(database: Database, key: str) -> io.BufferedReader:
    """Open an upload as a seekable binary file.

    :raises NotFoundError: no upload has this id.
    """
    return io.BufferedReader(UploadReader(database, key), buffer_size=CHUNK_BYTES)


@contextmanager
def store_upload(
    database: Transactions, key: str, *, now: float, filename: str | None = None, content_type: str | None = None
) -> Iterator["UploadWriter"]:
    """Store what the block writes as an upload, which is deleted if the block or the store fails.

    :param database: the store, or a transaction of a host.
    :param key: the id of the upload.
    :param now: the present time (UNIX seconds, UTC).
    :raises UnavailableError: the store cannot be reached.
    """
    writer = UploadWriter(database, key, now=now, filename=filename, content_type=content_type)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.discard()
        raise


class UploadWriter:
    """Stores a stream of bytes as an upload, in chunks of one transaction each. At most one chunk is held in memory.

    :param key: the id of the upload.
    :param now: the present time (UNIX seconds, UTC).
    :raises UnavailableError: the store cannot be reached.
    """

    def __init__(
        self,
        database: Transactions,
        key: str,
        *,
        now: float,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self._database = database
        self.key = key
        self.size = 0
        self._position = 0
        self._buffer = bytearray()
        with database.write() as conn:
            insert_upload(conn, key, filename=filename, content_type=content_type, now=now)

    def write(self, data: bytes) -> None:
        """Append bytes to the file."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) >= CHUNK_BYTES:
            self._flush(whole=False)

    def close(self) -> None:
        """Store the rest and make the upload visible."""
        self._flush(whole=True)
        with self._database.write() as conn:
            complete_upload(conn, self.key, size=self.size)

    def discard(self) -> None:
        """Delete the upload."""
        with self._database.write() as conn:
            delete_upload(conn, self.key)

    def _flush(self, *, whole: bool) -> None:
        chunks: list[tuple[int, bytes]] = []
        while len(self._buffer) >= CHUNK_BYTES or (whole and self._buffer):
            chunks.append((self._position, bytes(self._buffer[:CHUNK_BYTES])))
            del self._buffer[:CHUNK_BYTES]
            self._position += 1
        with self._database.write() as conn:
            append_chunks(conn, self.key, chunks)
