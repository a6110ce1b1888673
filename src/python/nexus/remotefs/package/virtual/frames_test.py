"""Headers both ways, and sums that a stranger's implementation would agree with."""

from __future__ import annotations

import pytest

from nexus.remotefs.package.virtual import frames
from nexus.remotefs.package.virtual.frames import ACK, PSH, SYN, Datagram, Segment

A, B = bytes([10, 42, 0, 10]), bytes([10, 42, 0, 11])


def test_a_sum_known_from_elsewhere() -> None:
    # The worked example of RFC 1071, section 3.
    assert frames.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert frames.checksum(b"") == 0xFFFF
    assert frames.checksum(b"\x01") == frames.checksum(b"\x01\x00")


@pytest.mark.parametrize("flags", [SYN, ACK, ACK | PSH, SYN | ACK])
@pytest.mark.parametrize("payload", [b"", b"odd", b"even"])
def test_a_segment_both_ways(flags: int, payload: bytes) -> None:
    segment = Segment(40_000, 34_568, 1, 2, flags, 65_535, payload)
    packet = frames.ipv4(A, B, frames.PROTOCOL_TCP, frames.tcp(A, B, segment))
    source, target, protocol, data = frames.read_ipv4(packet + b"\0" * 6)
    assert (source, target, protocol) == (A, B, frames.PROTOCOL_TCP)
    assert frames.read_tcp(source, target, data) == segment


def test_a_datagram_both_ways() -> None:
    packet = frames.ipv4(A, B, frames.PROTOCOL_UDP, frames.udp(A, B, 7, 9, b"abc"))
    source, _, protocol, data = frames.read_ipv4(packet)
    assert protocol == frames.PROTOCOL_UDP
    assert frames.read_udp(source, data) == Datagram(A, 7, 9, b"abc")


def test_arp_both_ways_in_a_padded_frame() -> None:
    packet = frames.arp(frames.ARP_REQUEST, b"\x02" * 6, A, bytes(6), B)
    frame = frames.ethernet(frames.BROADCAST, b"\x02" * 6, frames.TYPE_ARP, packet)
    assert len(frame) == 60
    assert frames.read_arp(frame[14:]) == frames.Arp(frames.ARP_REQUEST, b"\x02" * 6, A, B)


def test_damage_is_noticed() -> None:
    packet = bytearray(frames.ipv4(A, B, frames.PROTOCOL_TCP, b""))
    packet[8] ^= 1
    with pytest.raises(AssertionError, match="header checksum"):
        frames.read_ipv4(bytes(packet))
    data = bytearray(frames.tcp(A, B, Segment(1, 2, 3, 4, ACK, 5, b"x")))
    data[-1] ^= 1
    with pytest.raises(AssertionError, match="segment checksum"):
        frames.read_tcp(A, B, bytes(data))
