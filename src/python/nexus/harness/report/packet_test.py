"""Frames are named as people name them; a damaged one says so and nothing raises."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.harness.report.packet import ACK, PSH, SYN, decode
from nexus.harness.report.packet_cases import arp, tcp, udp


def test_arp() -> None:
    packet = decode(arp("10.0.0.1", "10.0.0.2"))
    assert str(packet) == "ARP 10.0.0.1 > 10.0.0.2 who has 10.0.0.2?"


def test_udp() -> None:
    packet = decode(udp("10.0.0.1", 5, "10.0.0.2", 6, b"hello"))
    assert str(packet) == "UDP 10.0.0.1:5 > 10.0.0.2:6 5 bytes"
    assert packet.payload == b"hello"
    assert not packet.flaw


def test_tcp() -> None:
    packet = decode(tcp("10.0.0.1", 5, "10.0.0.2", 6, 100, PSH | ACK, b"hello"))
    assert str(packet) == "TCP 10.0.0.1:5 > 10.0.0.2:6 PSH,ACK seq 100 ack 0 win 0 5 bytes"
    assert (packet.sequence, packet.payload) == (100, b"hello")


def test_the_bytes_of_a_syn_begin_behind_it() -> None:
    assert decode(tcp("10.0.0.1", 5, "10.0.0.2", 6, 0xFFFFFFFF, SYN)).sequence == 0


@pytest.mark.parametrize(
    ("at", "flaw"), [(24, "IPv4 checksum"), (36, "TCP checksum"), (54, "TCP checksum")]
)
def test_a_damaged_byte_is_seen(at: int, flaw: str) -> None:
    frame = bytearray(tcp("10.0.0.1", 5, "10.0.0.2", 6, 100, ACK, b"hello"))
    frame[at] ^= 0x10
    packet = decode(bytes(frame))
    assert packet.flaw == flaw
    assert packet.payload == b""


def test_padding_of_a_short_frame_is_no_payload() -> None:
    frame = udp("10.0.0.1", 5, "10.0.0.2", 6, b"x") + bytes(20)
    assert decode(frame).payload == b"x"


@pytest.mark.parametrize(
    "frame",
    [
        arp("10.0.0.1", "10.0.0.2"),
        udp("10.0.0.1", 5, "10.0.0.2", 6, b"hello"),
        tcp("10.0.0.1", 5, "10.0.0.2", 6, 100, ACK, b"hello"),
    ],
    ids=["arp", "udp", "tcp"],
)
def test_every_truncation_says_so(frame: bytes) -> None:
    for length in range(len(frame)):
        assert decode(frame[:length]).flaw, length


@given(st.binary(max_size=128), st.sampled_from([0x0800, 0x0806, 0x86DD]))
def test_any_bytes_are_some_packet(tail: bytes, kind: int) -> None:
    assert str(decode(bytes(12) + struct.pack(">H", kind) + tail))
