"""Number checks: two negative answers are needed, and a failed check has no effect."""

import pytest

from tests.core.fakes import AskedSender, FakeCache, FakeClock, FakeSender
from tests.core.rows import number_of
from tests.core.simulated import simulated
from wabroadcast_core.delivery.number_check import (
    ABSENT_SECONDS,
    AGAIN_SECONDS,
    DOUBT_SECONDS,
    KNOWN_SECONDS,
    NotFoundYet,
    NotOnWhatsApp,
    NumberCheck,
)
from wabroadcast_core.errors import ConnectionDown, SendError, Temporary, Throttled

NUMBER = number_of(0)


class Checks:
    """Checks of one sender, which answers as ``sender.check`` says."""

    def __init__(self, *, check: object = True) -> None:
        self.clock = FakeClock()
        self.sender = AskedSender(check=check)
        self._check = NumberCheck(FakeCache(self.clock), now=self.clock.now)

    async def check_number(self, number: str = NUMBER) -> str:
        """Check a number: ``fine``, ``absent``, or ``again`` after so many seconds."""
        try:
            await self._check.check_number(self.sender, number)
        except NotOnWhatsApp:
            return "absent"
        except NotFoundYet as error:
            return f"again in {error.wait:g}"
        return "fine"


@simulated
async def test_a_positive_answer_is_cached_for_a_time() -> None:
    checks = Checks(check=True)

    assert [await checks.check_number(), await checks.check_number()] == ["fine", "fine"]
    assert checks.sender.asked == [NUMBER]

    checks.clock.move(KNOWN_SECONDS)
    assert await checks.check_number() == "fine"
    assert checks.sender.asked == [NUMBER, NUMBER]


@simulated
async def test_a_first_negative_answer_delays_the_message_until_a_second_check() -> None:
    checks = Checks(check=False)

    assert await checks.check_number() == f"again in {AGAIN_SECONDS:g}"

    checks.clock.move(20)
    assert await checks.check_number() == f"again in {AGAIN_SECONDS - 20:g}"
    assert checks.sender.asked == [NUMBER]


@simulated
async def test_two_negative_answers_end_the_message_and_are_cached_for_a_time() -> None:
    checks = Checks(check=False)
    await checks.check_number()
    checks.clock.move(AGAIN_SECONDS)

    assert await checks.check_number() == "absent"
    assert await checks.check_number() == "absent"
    assert checks.sender.asked == [NUMBER, NUMBER]

    checks.clock.move(ABSENT_SECONDS)
    assert await checks.check_number() == f"again in {AGAIN_SECONDS:g}"


@simulated
async def test_a_positive_answer_after_a_negative_one_counts() -> None:
    checks = Checks(check=False)
    await checks.check_number()
    checks.clock.move(AGAIN_SECONDS)
    checks.sender.check = True

    assert await checks.check_number() == "fine"

    checks.sender.check = False
    assert await checks.check_number() == "fine"


@simulated
async def test_an_expired_negative_answer_does_not_count() -> None:
    checks = Checks(check=False)
    await checks.check_number()
    checks.clock.move(DOUBT_SECONDS)

    assert await checks.check_number() == f"again in {AGAIN_SECONDS:g}"


@simulated
async def test_each_number_has_its_own_answer() -> None:
    checks = Checks(check=True)
    await checks.check_number()
    checks.sender.check = False

    assert await checks.check_number(number_of(1)) == f"again in {AGAIN_SECONDS:g}"


@pytest.mark.parametrize(
    "check", [pytest.param(None, id="left-out-of-the-answer"), pytest.param(Temporary("503"), id="failed")]
)
@simulated
async def test_without_an_answer_the_message_is_sent_and_nothing_is_cached(check: object) -> None:
    checks = Checks(check=check)

    assert [await checks.check_number(), await checks.check_number()] == ["fine", "fine"]
    assert checks.sender.asked == [NUMBER, NUMBER]

    checks.sender.check = False
    assert await checks.check_number() == f"again in {AGAIN_SECONDS:g}"


@pytest.mark.parametrize(
    "error", [pytest.param(ConnectionDown("190"), id="connection-down"), pytest.param(Throttled("429"), id="throttled")]
)
@simulated
async def test_an_error_of_the_whole_connection_ends_the_send(error: SendError) -> None:
    with pytest.raises(type(error)):
        await Checks(check=error).check_number()


@simulated
async def test_a_sender_without_number_checks_sends_to_every_number() -> None:
    clock = FakeClock()

    await NumberCheck(FakeCache(clock), now=clock.now).check_number(FakeSender(), NUMBER)
