"""The networks to which requests to providers may go."""

import ipaddress
import socket
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# where clouds answer each program on a machine with its credentials; no provider of messages is there
_METADATA: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32"),
    )
)
_METADATA_NAMES = ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")


class ProviderAddresses:
    """Decides to which addresses requests to providers may go: to all networks but link-local ones.

    :param networks: if given, only to these, such as ``10.1.0.0/16``. A link-local network may be among them.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    def allow(self, host: str) -> bool:
        """Return whether requests may go to a host. Those of a name are asked for later."""
        address = _parse(host)
        if address is None:
            return bool(self._networks) or host.lower().rstrip(".") not in _METADATA_NAMES
        addresses = [address, *_inner(address)]
        if self._networks:
            return any(_is_in(each, self._networks) for each in addresses)
        return not any(_is_in(each, _METADATA) for each in addresses)


def _is_in(address: IPAddress, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _parse(host: str) -> IPAddress | None:
    """Return an IP address in any notation that the system takes, such as one number; None for a name."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0]
        return ipaddress.ip_address(str(found).partition("%")[0])
    except (OSError, ValueError):
        return None


def _inner(address: IPAddress) -> list[IPAddress]:
    """Return the IPv4 address inside an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return [] if inner is None else [inner]
