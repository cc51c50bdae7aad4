"""The callbacks of a broadcast, checked when it is submitted: where they go and what they report."""

from collections.abc import Collection, Iterator

from pydantic import HttpUrl

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.callback import CallbackEvent
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.settings import Settings
from wabroadcast_core.transport.public_addresses import CallbackAddresses, is_ip_address


def reported_events(draft: BroadcastDraft, settings: Settings) -> Collection[CallbackEvent]:
    """Return what the callbacks of a broadcast report; nothing if they have no address."""
    if draft.callback_url is None and settings.callback_url is None:
        return ()
    return settings.callback_events if draft.callback_events is None else draft.callback_events


def callback_faults(draft: BroadcastDraft, settings: Settings) -> Iterator[Fault]:
    """Yield why the callbacks of a broadcast cannot be made. The addresses of a host name are checked at each call."""
    url = draft.callback_url
    if url is None:
        if draft.callback_events and settings.callback_url is None:
            text = "there is no address to report to: give callbackUrl, or set WABROADCAST_CALLBACK_URL"
            yield Fault("callbackEvents", Sentence("no_callback_address", text))
        return
    yield from address_faults(url, settings, path="callbackUrl")


def address_faults(url: HttpUrl, settings: Settings, *, path: str) -> Iterator[Fault]:
    """Yield why no callback may go to an address.

    :param path: the name of the field that has it.
    """
    if url.username or url.password:
        text = "the address has a user or a password: leave them out, and verify the signature of the callbacks"
        yield Fault(path, Sentence("callback_with_password", text))
    host = (url.host or "").strip("[]")
    if is_ip_address(host) and not CallbackAddresses(settings.callback_networks).allow(host):
        text = "the address is not of the public internet: allow its network with WABROADCAST_CALLBACK_NETWORKS"
        yield Fault(path, Sentence("callback_not_public", text))
