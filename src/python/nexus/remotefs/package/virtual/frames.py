"""Just enough of Ethernet, ARP, IPv4, UDP and TCP headers for one host on a small network.

Pure functions between bytes and values.  What a host of the virtual switch never needs is left
out: options other than the segment size, fragments, IPv6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

BROADCAST: Final = b"\xff" * 6
TYPE_ARP: Final = 0x0806
TYPE_IPV4: Final = 0x0800
PROTOCOL_TCP: Final = 6
PROTOCOL_UDP: Final = 17
ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10

MSS: Final = 1460

_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_TCP: Final = struct.Struct("!HHIIBBHHH")
_UDP: Final = struct.Struct("!HHHH")


@dataclass(frozen=True, slots=True)
class Arp:
    """Who has which address."""

    operation: int
    sender_mac: bytes
    sender_ip: bytes
    target_ip: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram."""

    source_ip: bytes
    source_port: int
    target_port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment."""

    source_port: int
    target_port: int
    number: int
    acknowledged: int
    flags: int
    window: int
    payload: bytes


def checksum(data: bytes) -> int:
    """Compute the Internet checksum."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(target: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """Make a frame, padded to the least length."""
    return (target + source + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def arp(operation: int, mac: bytes, ip: bytes, target_mac: bytes, target_ip: bytes) -> bytes:
    """Make an ARP packet."""
    return _ARP.pack(1, TYPE_IPV4, 6, 4, operation, mac, ip, target_mac, target_ip)


def read_arp(packet: bytes) -> Arp:
    """Read an ARP packet."""
    _, _, _, _, operation, mac, ip, _, target = _ARP.unpack_from(packet)
    return Arp(operation, mac, ip, target)


def ipv4(source: bytes, target: bytes, protocol: int, payload: bytes) -> bytes:
    """Make an IPv4 packet."""
    length = _IPV4.size + len(payload)
    head = _IPV4.pack(0x45, 0, length, 0, 0x4000, 64, protocol, 0, source, target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def read_ipv4(packet: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Read (source, target, protocol, payload)."""
    first, _, length, _, _, _, protocol, _, source, target = _IPV4.unpack_from(packet)
    assert checksum(packet[: (first & 15) * 4]) == 0, "the guest's header checksum is wrong"
    return source, target, protocol, packet[(first & 15) * 4 : length]


def udp(source: bytes, target: bytes, source_port: int, target_port: int, payload: bytes) -> bytes:
    """Make a UDP datagram."""
    length = _UDP.size + len(payload)
    head = _UDP.pack(source_port, target_port, length, 0)
    total = checksum(_pseudo(source, target, PROTOCOL_UDP, length) + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + payload


def read_udp(source: bytes, data: bytes) -> Datagram:
    """Read a UDP datagram."""
    source_port, target_port, length, _ = _UDP.unpack_from(data)
    return Datagram(source, source_port, target_port, data[_UDP.size : length])


def tcp(source: bytes, target: bytes, segment: Segment) -> bytes:
    """Make a TCP segment; one that begins a connection says the segment size."""
    options = struct.pack("!BBH", 2, 4, MSS) if segment.flags & SYN else b""
    offset = (_TCP.size + len(options)) // 4 << 4
    head = _TCP.pack(
        *(segment.source_port, segment.target_port, segment.number, segment.acknowledged),
        *(offset, segment.flags, segment.window, 0, 0),
    )
    whole = head + options + segment.payload
    total = checksum(_pseudo(source, target, PROTOCOL_TCP, len(whole)) + whole)
    return whole[:16] + struct.pack("!H", total) + whole[18:]


def read_tcp(source: bytes, target: bytes, data: bytes) -> Segment:
    """Read a TCP segment."""
    assert checksum(_pseudo(source, target, PROTOCOL_TCP, len(data)) + data) == 0, (
        "the guest's segment checksum is wrong"
    )
    head = _TCP.unpack_from(data)
    source_port, target_port, number, acknowledged, offset, flags, window = head[:7]
    payload = data[(offset >> 4) * 4 :]
    return Segment(source_port, target_port, number, acknowledged, flags, window, payload)


def _pseudo(source: bytes, target: bytes, protocol: int, length: int) -> bytes:
    return source + target + struct.pack("!BBH", 0, protocol, length)
