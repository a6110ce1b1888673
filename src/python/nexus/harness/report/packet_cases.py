"""Frames of a test's making, with right checksums."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

_MACS = bytes.fromhex("5254000000025254000000 01".replace(" ", ""))


def arp(source: str, target: str, operation: int = 1) -> bytes:
    """A question for an address; operation 2 is an answer."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + _MACS[6:]
    body += IPv4Address(source).packed + bytes(6) + IPv4Address(target).packed
    return _MACS + b"\x08\x06" + body


def udp(source: str, source_port: int, target: str, target_port: int, payload: bytes) -> bytes:
    """A datagram."""
    head = struct.pack(">HHH", source_port, target_port, 8 + len(payload))
    return _ipv4(source, target, 17, head, payload, b"")


def tcp(
    source: str,
    source_port: int,
    target: str,
    target_port: int,
    sequence: int,
    flags: int,
    payload: bytes = b"",
) -> bytes:
    """A segment."""
    head = struct.pack(">HHIIBBH", source_port, target_port, sequence, 0, 0x50, flags, 0)
    return _ipv4(source, target, 6, head, payload, b"\0\0")


def icmp(source: str, target: str, kind: int, payload: bytes) -> bytes:
    """A message of ICMP."""
    head = bytes((kind, 0))
    check = _sum(head + b"\0\0" + payload)
    inner = head + struct.pack(">H", check) + payload
    return _MACS + b"\x08\x00" + _header(source, target, 1, len(inner)) + inner


def ipv4(source: str, target: str, protocol: int, inner: bytes) -> bytes:
    """A packet of another protocol."""
    return _MACS + b"\x08\x00" + _header(source, target, protocol, len(inner)) + inner


def _ipv4(
    source: str, target: str, protocol: int, head: bytes, payload: bytes, behind: bytes
) -> bytes:
    addresses = IPv4Address(source).packed + IPv4Address(target).packed
    length = len(head) + 2 + len(behind) + len(payload)
    pseudo = addresses + struct.pack(">BBH", 0, protocol, length)
    check = _sum(pseudo + head + b"\0\0" + behind + payload)
    inner = head + struct.pack(">H", check) + behind + payload
    return _MACS + b"\x08\x00" + _header(source, target, protocol, length) + inner


def _header(source: str, target: str, protocol: int, length: int) -> bytes:
    addresses = IPv4Address(source).packed + IPv4Address(target).packed
    start = struct.pack(">BBHHHBB", 0x45, 0, 20 + length, 0, 0, 64, protocol)
    return start + struct.pack(">H", _sum(start + b"\0\0" + addresses)) + addresses


def _sum(data: bytes) -> int:
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return 0xFFFF - total
