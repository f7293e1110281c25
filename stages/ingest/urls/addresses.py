"""Choose the address to connect to: only public ones, checked after the name was resolved.

The connection is made to the address that was checked, so that a name that resolves to another
address a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator

from stages.ingest.urls.problems import not_allowed, not_fetched

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")
)
"""Networks that `ipaddress` of Python 3.11 calls global: two of IETF protocols (the first has the
metadata of some clouds), Azure's platform server, documentation."""


def _embedded(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet.

    Private, loopback, link-local, multicast, shared, documentation and reserved addresses are not,
    nor are IPv6 addresses that stand for such an IPv4 address.
    """
    if address in _NAT64:  # how IPv6-only networks reach IPv4 hosts
        return all(map(is_public, _embedded(address)))
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and all(map(is_public, _embedded(address)))


def resolve(host: str, port: int, private_networks: Iterable[str] = ()) -> str:
    """Resolve a host and return the address to connect to.

    Args:
        host: name or address, as in the URL (IPv6 in brackets).
        port: for the resolver.
        private_networks: networks that are accepted though they are not public.

    Raises:
        FetchProblem: the name is unknown, or one of its addresses is not public: an attacker's
            server may answer with both kinds.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        passing = error.errno == socket.EAI_AGAIN
        raise not_fetched(
            f"{host} cannot be resolved ({error.strerror})", passing=passing
        ) from error
    except (OSError, ValueError) as error:  # a label that is too long for a name
        raise not_fetched(f"{host} cannot be resolved ({error})") from error
    networks = [ipaddress.ip_network(network) for network in private_networks]
    texts = [str(each[4][0]) for each in found]
    for text in texts:
        address = ipaddress.ip_address(text)
        if not is_public(address) and not any(address in network for network in networks):
            raise not_allowed(
                f"{host} is at {text}, which is not a public address; if it is yours, name its "
                "network in `private_networks` (factory.toml, section urls)"
            )
    if not texts:
        raise not_fetched(f"{host} has no address")
    return texts[0]
