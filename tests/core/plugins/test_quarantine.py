"""A blacklist that cannot be used holds all messages back, and says why, until an operator blocks it by name."""

from collections.abc import Mapping, Sequence

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings, Worker, hookimpl
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.waiting import PluginQuarantined

pytestmark = ON_SQLITE


class Unfit:
    """A blacklist whose argument has a wrong name."""

    @hookimpl
    def wab_blacklisted(self, phones: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(phones, "listed")


def test_a_broadcast_waits_for_a_quarantined_blacklist_and_names_it(settings: Settings) -> None:
    with Broadcaster(settings, plugins=[Unfit()]) as broadcaster:
        job_id = broadcaster.submit(text_to("sandbox"), people(3)).job_id
        with broadcaster.context.database.read() as conn:
            key = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()

        prepare_broadcast(broadcaster.context, key)

        cause = broadcaster.status(job_id).waiting_for
        assert isinstance(cause, PluginQuarantined)
        assert "block it with WABROADCAST_BLOCKED_PLUGINS=Unfit" in cause.reason
        assert broadcaster.messages(job_id).items == []


@pytest.mark.slow
def test_messages_that_were_prepared_before_are_held_back_until_the_blacklist_is_blocked(
    settings: Settings, provider: ScriptedProvider
) -> None:
    with Broadcaster(settings, plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        with broadcaster.context.database.read() as conn:
            prepare_broadcast(broadcaster.context, conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one())

    with Broadcaster(settings, plugins=[provider, Unfit()]) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: broadcaster.status(job_id).counts.retry == 3, what="the messages to be put aside")
        worker.stop()
        details = {message.detail for message in broadcaster.messages(job_id).items}

    assert provider.starts == []
    assert ["plugin Unfit is quarantined" in (detail or "") for detail in details] == [True]
