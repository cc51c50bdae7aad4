import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_plugins.senders.webhook_calls import read_number, read_time

AT = 1_758_000_000


@pytest.mark.parametrize(
    ("written", "number"),
    [
        pytest.param("6281234567801", "+6281234567801", id="digits"),
        pytest.param(6281234567801, "+6281234567801", id="a-whole-number"),
        pytest.param("+62 812-3456-7801", "+6281234567801", id="as-people-write-it"),
        pytest.param("6281234567801@s.whatsapp.net", "+6281234567801", id="an-id"),
        pytest.param("6281234567801:12@s.whatsapp.net", "+6281234567801", id="an-id-of-a-device"),
        pytest.param("6281234567801@c.us", "+6281234567801", id="an-id-of-the-web"),
        pytest.param("123456789012345@lid", None, id="a-hidden-id"),
        pytest.param("120363041234567890@g.us", None, id="a-group"),
        pytest.param("status@broadcast", None, id="a-status"),
        pytest.param("081234567801", None, id="without-a-country"),
        pytest.param("1203630412345678", None, id="too-long"),
        pytest.param("62812", None, id="too-short"),
        pytest.param("٦٢٨١٢٣٤٥٦٧٨٠١", None, id="other-digits"),
        pytest.param(True, None, id="a-truth"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_a_person_is_told_by_the_number(written: Any, number: str | None) -> None:
    assert read_number(written) == number


@pytest.mark.parametrize(
    "written",
    [
        AT,
        str(AT),
        AT * 1_000,
        f"{AT}000",
        float(AT),
        "2025-09-16T05:20:00Z",
        "2025-09-16T12:20:00+07:00",
        "2025-09-16 05:20",
    ],
)
def test_a_time_is_read_in_seconds(written: Any) -> None:
    assert read_time(written) == AT


@given(
    written=st.none()
    | st.booleans()
    | st.text(max_size=20)
    | st.integers(max_value=900_000_000)
    | st.sampled_from([10**400, -(10**400), float("nan"), float("inf"), 10**15, "9999-99-99", "0001-01-01", [], {}])
)
def test_a_time_that_makes_no_sense_is_now(written: Any) -> None:
    before = time.time()

    assert before <= read_time(written) <= time.time()
