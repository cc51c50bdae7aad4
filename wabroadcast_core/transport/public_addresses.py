"""Addresses of the public internet: which they are, and the error for one that is not."""

import ipaddress
import socket
from collections.abc import Sequence

from wabroadcast_core.provider_addresses import Network, ProviderAddresses


class NotPublicError(OSError):
    """A URL that does not lead to the public internet: its host is not public, or its scheme not http or https."""


def is_public(address: str) -> bool:
    """Return whether an IP address is public. For an IPv6 address with an IPv4 address inside, both must be public."""
    try:
        found = socket.getaddrinfo(address, None, flags=socket.AI_NUMERICHOST)[0][4][0]
        parsed = ipaddress.ip_address(str(found).partition("%")[0])
    except (OSError, ValueError):
        return False
    inner = _inner_ipv4(parsed)
    return _is_global(parsed) and (inner is None or _is_global(inner))


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    is_local = any(address in network for network in _LOCAL if network.version == address.version)
    return address.is_global and not address.is_multicast and not is_local


def is_ip_address(host: str) -> bool:
    """Return whether a host is an IP address, in any notation that the system takes, and not a name."""
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


class CallbackAddresses:
    """Decides to which IP addresses callbacks may go: to those of the public internet, and of some networks.

    :param networks: those that the operator allows beside the public internet.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self._others = ProviderAddresses(networks) if networks else None

    def allow(self, address: str) -> bool:
        """Return whether callbacks may go to an IP address."""
        return is_public(address) or (self._others is not None and self._others.allow(address))


def _inner_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 address (mapped, 6to4, Teredo, NAT64 of RFC 6052), or None."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL = tuple(  # some Pythons call these global
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # of protocols, such as the dummy address 192.0.0.8
            "192.88.99.0/24",  # former relays of 6to4
            "3fff::/20",  # for documentation
            "5f00::/16",  # segment routing inside one network
            "fec0::/10",
            "64:ff9b:1::/48",
            "::/96",
        ),
    )
)
