"""Addresses of the public internet: which they are, and the error for one that is not."""

import ipaddress
import socket


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
    if any(parsed in network for network in _LOCAL if network.version == parsed.version):
        return False
    return parsed.is_global and not parsed.is_multicast and (inner is None or inner.is_global)


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
_LOCAL = tuple(map(ipaddress.ip_network, ("fec0::/10", "64:ff9b:1::/48", "::/96")))  # some Pythons call these global
