"""Uploads: reads return the bytes that were written, after any seek."""

import io
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.store.bench import Bench
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.uploads import UploadReader, UploadWriter, open_upload

CHUNK = 16  # bytes, instead of a megabyte
READS = st.tuples(st.just("read"), st.integers(-1, 50), st.just(0))
SEEKS = st.tuples(st.just("seek"), st.integers(0, 120), st.just(os.SEEK_SET)) | st.tuples(
    st.just("seek"), st.integers(-10, 0), st.just(os.SEEK_END)
)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_store, "CHUNK_BYTES", CHUNK)


def _write(bench: Bench, key: str, chunks: list[bytes]) -> UploadWriter:
    writer = UploadWriter(bench.database, key, now=1.0)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    return writer


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.binary(max_size=40), max_size=6), acts=st.lists(READS | SEEKS, max_size=8))
def test_an_upload_reads_and_seeks_like_the_file_it_was(
    bench: Bench, small_chunks: None, chunks: list[bytes], acts: list[tuple[str, int, int]]
) -> None:
    content = b"".join(chunks)
    key = os.urandom(8).hex()
    writer = _write(bench, key, chunks)
    original = io.BytesIO(content)

    assert writer.size == len(content)
    with open_upload(bench.database, key) as upload:
        for act, amount, whence in acts:
            if act == "read":
                assert upload.read(amount) == original.read(amount)
            elif whence == os.SEEK_SET or len(content) + amount >= 0:
                assert upload.seek(amount, whence) == original.seek(amount, whence)
            assert upload.tell() == original.tell()
        upload.seek(0)
        assert upload.read() == content


def test_an_upload_is_visible_only_once_it_is_complete(bench: Bench, small_chunks: None) -> None:
    writer = UploadWriter(bench.database, "half", now=1.0)
    writer.write(b"x" * 100)

    with pytest.raises(NotFoundError):
        UploadReader(bench.database, "half")
    writer.close()

    with open_upload(bench.database, "half") as upload:
        assert upload.read() == b"x" * 100


def test_a_discarded_upload_leaves_nothing(bench: Bench, small_chunks: None) -> None:
    writer = UploadWriter(bench.database, "half", now=1.0)
    writer.write(b"x" * 100)

    writer.discard()

    with bench.database.read() as conn:
        assert upload_store.find_upload(conn, "half") is None
        assert conn.exec_driver_sql("SELECT count(*) FROM upload_chunks").scalar_one() == 0
