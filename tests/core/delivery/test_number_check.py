"""Who is on WhatsApp, as far as a provider says: one "no" is not believed, and a failure concludes nothing."""

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

    async def expect(self, number: str = NUMBER) -> str:
        """Check a number: ``fine``, ``absent``, or ``again`` after so many seconds."""
        try:
            await self._check.expect(self.sender, number)
        except NotOnWhatsApp:
            return "absent"
        except NotFoundYet as error:
            return f"again in {error.wait:g}"
        return "fine"


@simulated
async def test_a_yes_is_believed_for_a_time() -> None:
    checks = Checks(check=True)

    assert [await checks.expect(), await checks.expect()] == ["fine", "fine"]
    assert checks.sender.asked == [NUMBER]

    checks.clock.move(KNOWN_SECONDS)
    assert await checks.expect() == "fine"
    assert checks.sender.asked == [NUMBER, NUMBER]


@simulated
async def test_a_first_no_makes_a_message_wait_for_a_second_question() -> None:
    checks = Checks(check=False)

    assert await checks.expect() == f"again in {AGAIN_SECONDS:g}"

    checks.clock.move(20)
    assert await checks.expect() == f"again in {AGAIN_SECONDS - 20:g}"
    assert checks.sender.asked == [NUMBER]


@simulated
async def test_two_no_end_a_message_and_are_believed_for_a_time() -> None:
    checks = Checks(check=False)
    await checks.expect()
    checks.clock.move(AGAIN_SECONDS)

    assert await checks.expect() == "absent"
    assert await checks.expect() == "absent"
    assert checks.sender.asked == [NUMBER, NUMBER]

    checks.clock.move(ABSENT_SECONDS)
    assert await checks.expect() == f"again in {AGAIN_SECONDS:g}"


@simulated
async def test_a_yes_after_a_no_counts() -> None:
    checks = Checks(check=False)
    await checks.expect()
    checks.clock.move(AGAIN_SECONDS)
    checks.sender.check = True

    assert await checks.expect() == "fine"

    checks.sender.check = False
    assert await checks.expect() == "fine"


@simulated
async def test_a_no_of_long_ago_is_a_first_one_again() -> None:
    checks = Checks(check=False)
    await checks.expect()
    checks.clock.move(DOUBT_SECONDS)

    assert await checks.expect() == f"again in {AGAIN_SECONDS:g}"


@simulated
async def test_each_number_is_known_for_itself() -> None:
    checks = Checks(check=True)
    await checks.expect()
    checks.sender.check = False

    assert await checks.expect(number_of(1)) == f"again in {AGAIN_SECONDS:g}"


@pytest.mark.parametrize(
    "check", [pytest.param(None, id="left-out-of-the-answer"), pytest.param(Temporary("503"), id="failed")]
)
@simulated
async def test_without_an_answer_a_message_is_sent_and_nothing_is_concluded(check: object) -> None:
    checks = Checks(check=check)

    assert [await checks.expect(), await checks.expect()] == ["fine", "fine"]
    assert checks.sender.asked == [NUMBER, NUMBER]

    checks.sender.check = False
    assert await checks.expect() == f"again in {AGAIN_SECONDS:g}"


@pytest.mark.parametrize(
    "error", [pytest.param(ConnectionDown("190"), id="connection-down"), pytest.param(Throttled("429"), id="throttled")]
)
@simulated
async def test_what_the_provider_says_of_the_connection_ends_the_send(error: SendError) -> None:
    with pytest.raises(type(error)):
        await Checks(check=error).expect()


@simulated
async def test_a_sender_that_cannot_be_asked_sends_to_every_number() -> None:
    clock = FakeClock()

    await NumberCheck(FakeCache(clock), now=clock.now).expect(FakeSender(), NUMBER)
