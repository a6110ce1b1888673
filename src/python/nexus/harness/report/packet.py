"""Ethernet frames as people name them: ARP, ICMP, UDP, TCP with flags; headers only.

`decode` never raises: a frame that is cut short or damaged becomes a `Packet` whose `flaw` says so,
since a capture of a faulty network has such frames on purpose.  Formats: RFC 826, 791, 792, 768,
9293.  Checksums are looked at, because a damaged frame should be seen to be damaged.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Final

ETHERNET_BYTES: Final = 14
_ARP: Final = 0x0806
_IPV4: Final = 0x0800
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP"}
_ICMP: Final = {0: "echo reply", 3: "unreachable", 8: "echo request", 11: "time exceeded"}

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
_FLAGS: Final = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"))


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame.  What its protocol does not have stays as it is here.

    Attributes:
        protocol: `ARP`, `ICMP`, `UDP`, `TCP`, `IPv4` (another one) or `Ethernet`.
        info: what it says besides addresses, in words.
        source: the sender's IPv4 address, or the MAC where there is none.
        payload: of UDP and TCP.
        sequence: of TCP, of the first byte of the payload.
        flaw: why it is not what it claims to be, if it is not.
    """

    protocol: str
    source: str
    target: str
    info: str = ""
    source_port: int = 0
    target_port: int = 0
    payload: bytes = b""
    sequence: int = 0
    flags: int = 0
    flaw: str = ""

    def __str__(self) -> str:
        """One line: the sender, the receiver, the content."""
        ends = [self.source, self.target]
        if self.protocol in ("TCP", "UDP"):
            ends = [f"{self.source}:{self.source_port}", f"{self.target}:{self.target_port}"]
        flaw = f" [{self.flaw}]" if self.flaw else ""
        return f"{self.protocol} {ends[0]} > {ends[1]} {self.info}".rstrip() + flaw


def decode(frame: bytes) -> Packet:
    """Read a frame, however short."""
    if len(frame) < ETHERNET_BYTES:
        return Packet("Ethernet", "?", "?", f"{len(frame)} bytes", flaw="too short for Ethernet")
    target, source = (mac.hex(":") for mac in (frame[:6], frame[6:12]))
    kind = int.from_bytes(frame[12:14], "big")
    try:
        if kind == _ARP:
            return _arp(frame[ETHERNET_BYTES:])
        if kind == _IPV4:
            return _ipv4(frame[ETHERNET_BYTES:])
    except (struct.error, IndexError, AddressValueError):
        return Packet("Ethernet", source, target, f"type {kind:#06x}", flaw="cut short")
    return Packet("Ethernet", source, target, f"type {kind:#06x}, {len(frame)} bytes")


def _arp(body: bytes) -> Packet:
    operation = struct.unpack_from(">H", body, 6)[0]
    sender, wanted = (str(IPv4Address(body[at : at + 4].ljust(4, b"\0"))) for at in (14, 24))
    if len(body) < 28:
        raise struct.error("an ARP packet has 28 bytes")
    if operation == 1:
        return Packet("ARP", sender, wanted, f"who has {wanted}?")
    if operation == 2:
        return Packet("ARP", sender, wanted, f"{sender} is at {body[8:14].hex(':')}")
    return Packet("ARP", sender, wanted, f"operation {operation}", flaw="unknown operation")


def _ipv4(body: bytes) -> Packet:
    head_bytes = (body[0] & 15) * 4
    total = struct.unpack_from(">H", body, 2)[0]
    source, target = (str(IPv4Address(body[at : at + 4])) for at in (12, 16))
    protocol = _PROTOCOLS.get(body[9], "IPv4")
    flaws = []
    if body[0] >> 4 != 4 or head_bytes < 20 or total < head_bytes:
        flaws.append("not an IPv4 header")
    elif total > len(body):
        flaws.append("cut short")
    elif _checksum(body[:head_bytes]) != 0:
        flaws.append("IPv4 checksum")
    inner = body[head_bytes:total]
    readers = {"ICMP": _icmp, "UDP": _udp, "TCP": _tcp}
    if flaws or protocol not in readers:
        info = f"protocol {body[9]}, {total} bytes"
        return Packet(protocol, source, target, info, flaw=", ".join(flaws))
    pseudo = body[12:20] + bytes([0, body[9]]) + len(inner).to_bytes(2, "big")
    return readers[protocol](source, target, inner, pseudo)


def _icmp(source: str, target: str, inner: bytes, pseudo: bytes) -> Packet:
    kind = inner[0]
    flaw = "" if _checksum(inner) == 0 else "ICMP checksum"
    return Packet("ICMP", source, target, _ICMP.get(kind, f"type {kind}"), flaw=flaw)


def _udp(source: str, target: str, inner: bytes, pseudo: bytes) -> Packet:
    source_port, target_port, length, given = struct.unpack_from(">HHHH", inner)
    flaw = ""
    if length != len(inner):
        flaw = "UDP length"
    elif given and _checksum(pseudo + inner) != 0:
        flaw = "UDP checksum"
    payload = inner[8:]
    return Packet(
        "UDP",
        source,
        target,
        f"{len(payload)} bytes",
        source_port=source_port,
        target_port=target_port,
        payload=b"" if flaw else payload,
        flaw=flaw,
    )


def _tcp(source: str, target: str, inner: bytes, pseudo: bytes) -> Packet:
    source_port, target_port, sequence, acknowledged = struct.unpack_from(">HHII", inner)
    head_bytes, flags, window = (inner[12] >> 4) * 4, inner[13], struct.unpack_from(">H", inner, 14)
    flaw = ""
    if not 20 <= head_bytes <= len(inner):
        flaw = "TCP header length"
    elif _checksum(pseudo + inner) != 0:
        flaw = "TCP checksum"
    payload = inner[head_bytes:]
    names = ",".join(name for bit, name in _FLAGS if flags & bit) or "no flags"
    parts = [names, f"seq {sequence}"]
    if flags & ACK:
        parts.append(f"ack {acknowledged}")
    parts.append(f"win {window[0]}")
    if payload:
        parts.append(f"{len(payload)} bytes")
    return Packet(
        "TCP",
        source,
        target,
        " ".join(parts),
        source_port=source_port,
        target_port=target_port,
        payload=b"" if flaw else payload,
        sequence=(sequence + (1 if flags & SYN else 0)) & 0xFFFFFFFF,
        flags=flags,
        flaw=flaw,
    )


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) over data that holds its own: 0 if it is right."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
