"""Addresses in configuration files: of a machine on its wire, and of a node in its network."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Annotated, Final

from pydantic import AfterValidator

from nexus.config.limits import form

_MAC: Final = r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}"
_UNICAST_MAC: Final = r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}"
_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# Neither loopback (127) nor multicast and above (224).
_FIRST_OCTET: Final = r"(22[0-3]|2[01][0-9]|1[3-9][0-9]|12[0-689]|1[01][0-9]|[1-9]?[0-9])"
_HOST: Final = rf"{_FIRST_OCTET}(\.{_OCTET}){{3}}"
_PREFIX: Final = r"([89]|[12][0-9]|30)"


def _check_mac(value: str) -> str:
    if re.fullmatch(_MAC, value) is None:
        raise ValueError("expected six bytes in hexadecimal, such as 52:54:00:12:34:0a")
    octets = mac_bytes(value)
    if octets == b"\xff" * 6:
        raise ValueError("the broadcast address belongs to no machine; expected a unicast address")
    if octets[0] & 1:
        raise ValueError("a multicast address (its first byte is odd); expected a unicast address")
    if octets == bytes(6):
        raise ValueError("the zero address belongs to no machine; expected a unicast address")
    return value


def _check_address(value: str) -> str:
    try:
        address = IPv4Address(value)
    except AddressValueError as exc:
        raise ValueError("expected an IPv4 address, such as 10.42.0.10") from exc
    _check_host(address)
    return value


def _check_interface(value: str) -> str:
    try:
        interface = IPv4Interface(value)
    except (AddressValueError, NetmaskValueError) as exc:
        raise ValueError("expected an IPv4 address and prefix, such as 10.42.0.10/24") from exc
    _, slash, prefix = value.partition("/")
    if not (slash and prefix.isdigit()):
        raise ValueError(
            "the prefix length is missing; expected an address with one, such as 10.42.0.10/24"
        )
    network = interface.network
    if re.fullmatch(_PREFIX, prefix) is None:
        raise ValueError("expected prefix lengths 8..30")
    _check_host(interface.ip)
    if interface.ip in (network.network_address, network.broadcast_address):
        raise ValueError(f"is not a host of {network}, whose first and last address are reserved")
    return value


def _check_host(address: IPv4Address) -> None:
    if (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address.packed[0] >= 240
    ):
        raise ValueError("expected a unicast address of a network")


def mac_bytes(text: str) -> bytes:
    """Turn a checked MAC address into its six bytes."""
    return bytes.fromhex(text.replace(":", ""))


Mac = Annotated[str, AfterValidator(_check_mac), form(_UNICAST_MAC, "00:00:00:00:00:00")]
Address = Annotated[str, AfterValidator(_check_address), form(_HOST, "0.0.0.0")]
Interface = Annotated[str, AfterValidator(_check_interface), form(f"{_HOST}/{_PREFIX}")]
