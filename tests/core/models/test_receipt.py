"""The ids that providers report are taken as they can be stored."""

from wabroadcast_core import Inbound, Receipt
from wabroadcast_core.models.message import LONGEST_PROVIDER_ID, short_id

LONG = "x" * (LONGEST_PROVIDER_ID + 1)


def test_an_empty_id_of_a_person_is_none() -> None:
    assert Inbound("", "STOP", 0.0, wa_id="").wa_id is None
    assert Receipt("read", 0.0, wa_ids=("", "US.1")).wa_ids == ("US.1",)


def test_a_long_id_of_a_person_is_its_digest() -> None:
    assert Inbound("", "STOP", 0.0, wa_id=LONG).wa_id == short_id(LONG) != LONG
    assert Receipt("read", 0.0, wa_ids=(LONG,)).wa_ids == (short_id(LONG),)
