"""The ids that providers give messages: however long, a stored one is short, and receipts find it."""

import pytest

from wabroadcast_core.models.message import LONGEST_PROVIDER_ID, Accepted, short_id
from wabroadcast_core.models.receipt import Inbound, Receipt

LONG = "é" * 20_000_000


@pytest.mark.parametrize("provider_id", [None, "", "wamid.X", "x" * LONGEST_PROVIDER_ID])
def test_a_usual_id_is_kept_as_it_is(provider_id: str | None) -> None:
    assert Accepted(provider_id).provider_id == Receipt("sent", 1.0, "m", provider_id).provider_id == provider_id


def test_the_digest_of_a_longer_id_is_the_same_wherever_it_is_reported() -> None:
    kept = Accepted(LONG).provider_id

    assert kept is not None
    assert len(kept) < 100
    assert Receipt("read", 1.0, provider_id=LONG).provider_id == kept
    assert Inbound("+6281234567890", "stop", 1.0, reply_to=LONG).reply_to == kept
    assert short_id(LONG[:-1]) != kept


def test_half_a_character_in_an_id_is_no_fault() -> None:
    assert short_id("\ud800" * 600) == short_id("\ud800" * 600)
