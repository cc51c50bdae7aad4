"""The public fixtures: a test of a plugin runs a whole engine and a scripted provider."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from wabroadcast_core import PluginError, hookimpl
from wabroadcast_core.testing import SAMPLE_NUMBERS, FakeProvider, ProviderAnswer, gateway, sample_csv, senders
from wabroadcast_core.testing.engine import StartsEngine, await_end, running_engine

pytest_plugins = ["wabroadcast_core.testing.fixtures"]

TEXT = {"type": "text", "text": "Halo"}

pytestmark = pytest.mark.slow


class Blocks:
    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> dict[str, str]:
        return {number: "said stop" for number in numbers if number == SAMPLE_NUMBERS[0]}


def test_an_engine_sends_a_sample_audience_past_a_plugin(
    wab_engine: StartsEngine, wab_provider: FakeProvider, tmp_path: Path
) -> None:
    wab_provider.answering = lambda request: ProviderAnswer(200, {"id": request.json["messageId"]})
    broadcaster = wab_engine(gateway, Blocks())
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": wab_provider.url}})
    (tmp_path / "people.csv").write_bytes(sample_csv(3))
    with (tmp_path / "people.csv").open("rb") as file:
        upload = broadcaster.uploads.save(file, filename="people.csv")

    text = {"type": "text", "text": "Halo {{ name }}, kode {{ code }}"}
    source = {"type": "csv", "uploadId": upload.upload_id}
    job = broadcaster.submit({"name": "Test", "message": text, "source": source, "connection": "main"})
    blocked = broadcaster.submit(
        {"name": "Test", "message": TEXT, "connection": "main"}, [{"number": SAMPLE_NUMBERS[0]}]
    )

    assert await_end(broadcaster, job.job_id).counts.sent == 3
    assert await_end(broadcaster, blocked.job_id).counts.skipped == 1
    assert sorted(request.json["text"] for request in wab_provider.requests) == [
        "Halo Budi, kode A0",
        "Halo Rahma, kode A2",
        "Halo Siti, kode A1",
    ]


def test_a_broadcast_that_does_not_end_is_a_fault_that_says_where_it_stands(tmp_path: Path) -> None:
    with running_engine(tmp_path, senders) as broadcaster:
        broadcaster.connections.save("main", {"sender": "null"})
        broadcaster.connections.pause("main")
        job = broadcaster.submit(
            {"name": "Test", "message": TEXT, "connection": "main"}, [{"number": SAMPLE_NUMBERS[0]}]
        )

        with pytest.raises(TimeoutError, match=r"has not ended within 0.2 s: it is .*"):
            await_end(broadcaster, job.job_id, seconds=0.2)


def test_a_plugin_that_cannot_be_used_does_not_start_an_engine(tmp_path: Path) -> None:
    class Misspelled:
        @hookimpl
        def wab_blacklistd(self, numbers: Sequence[str]) -> dict[str, str]:
            return dict.fromkeys(numbers, "")

    with (
        pytest.raises(PluginError, match=r"plugin Misspelled is quarantined: its hooks do not fit"),
        running_engine(tmp_path, Misspelled()),
    ):
        pass
