"""Encryption of secrets at rest."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from wabroadcast_core.errors import SetupError
from wabroadcast_core.vault import Vault, open_vault

KEY = Fernet.generate_key()
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), PLAIN))
def test_a_sealed_document_is_opened_unchanged(document: dict[str, object]) -> None:
    vault = Vault(KEY)

    assert vault.open(vault.seal(document)) == document


def test_a_sealed_document_is_unreadable_and_different_each_time() -> None:
    vault = Vault(KEY)

    first, second = vault.seal({"token": "s3cret"}), vault.seal({"token": "s3cret"})

    assert b"s3cret" not in first
    assert first != second


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(Vault(Fernet.generate_key()).seal({}), id="another-key"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"plain", id="no-token"),
    ],
)
def test_a_document_that_cannot_be_opened_names_the_setting(sealed: bytes) -> None:
    with pytest.raises(SetupError, match="WABROADCAST_SECRET_KEY"):
        Vault(KEY).open(sealed)


@pytest.mark.parametrize("key", ["", "short", "ä" * 44, "A" * 43])
def test_an_invalid_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(SetupError) as refusal:
        Vault(key)

    assert not key or key not in str(refusal.value)


def test_a_key_is_created_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: open_vault(None, data_dir=tmp_path / "data"), range(8)))

    sealed = vaults[0].seal({"token": "s3cret"})
    assert all(vault.open(sealed) == {"token": "s3cret"} for vault in vaults)
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SetupError, match="file"):
        open_vault(None, data_dir=tmp_path / "file" / "data")
