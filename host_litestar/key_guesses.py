"""A limit on guesses of API keys: an address with many wrong keys is refused before its next key is compared."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 30  # wrong keys that an address may send at once; afterwards one a second
MOST_ADDRESSES = 10_000  # that are remembered; the one that was counted first is forgotten


class GuessLimiter:
    """Counts the wrong keys of each address. For one event loop.

    :param burst: wrong keys that an address may send at once.
    :param seconds: after which it may send one more.
    :param clock: returns the present time in seconds.
    """

    def __init__(
        self, *, burst: int = BURST, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._allowed = (burst - 1) * seconds
        self._clock = clock
        self._forgiven_at: OrderedDict[str, float] = OrderedDict()  # each wrong key for some seconds

    def wait_of(self, host: str) -> float:
        """Return for how many seconds an address must send no key; 0 if it may send one."""
        forgiven_at = self._forgiven_at.get(_network_of(host), 0.0)
        return max(0.0, forgiven_at - self._clock() - self._allowed)

    def count(self, host: str) -> None:
        """Count a wrong key of an address."""
        now, network = self._clock(), _network_of(host)
        self._forgiven_at[network] = max(now, self._forgiven_at.pop(network, now)) + self._seconds
        if len(self._forgiven_at) > MOST_ADDRESSES:
            self._forgiven_at.popitem(last=False)

    def take_back(self, host: str) -> None:
        """Count one wrong key of an address less, because the key was right after all."""
        network = _network_of(host)
        if network in self._forgiven_at:
            self._forgiven_at[network] -= self._seconds


def _network_of(host: str) -> str:
    """Return what counts as one address: of version 6 the network of 64 bits, which one machine may have for itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host  # noqa: PLR2004 - IPv6
