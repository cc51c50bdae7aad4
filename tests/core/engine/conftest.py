"""The engine's tests have a provider that does as they say, beside the gateway."""

from collections.abc import Iterator

import pytest

from tests.scripted import ScriptedProvider
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def broadcaster(settings: Settings, provider: ScriptedProvider) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin, provider]) as started:
        started.tasks.huey.storage.read_timeout = 0.2  # seconds; a worker that is stopped waits for it
        yield started
