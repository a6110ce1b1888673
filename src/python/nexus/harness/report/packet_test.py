"""Frames are named as people name them; a damaged one says so and nothing raises."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.harness.report.packet import ACK, FIN, PSH, RST, SYN, decode
from nexus.harness.report.packet_cases import arp, icmp, ipv4, tcp, udp


def test_an_arp_request_is_decoded() -> None:
    packet = decode(arp("10.0.0.1", "10.0.0.2"))
    assert str(packet) == "ARP 10.0.0.1 > 10.0.0.2 who has 10.0.0.2?"


def test_a_udp_datagram_is_decoded() -> None:
    packet = decode(udp("10.0.0.1", 5, "10.0.0.2", 6, b"hello"))
    assert str(packet) == "UDP 10.0.0.1:5 > 10.0.0.2:6 5 bytes"
    assert packet.payload == b"hello"
    assert not packet.flaw


def test_a_tcp_segment_is_decoded() -> None:
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


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            arp("10.0.0.1", "10.0.0.2", 2),
            "ARP 10.0.0.1 > 10.0.0.2 10.0.0.1 is at 52:54:00:00:00:01",
        ),
        (arp("10.0.0.1", "10.0.0.2", 3), "ARP 10.0.0.1 > 10.0.0.2 operation 3 [unknown operation]"),
        (icmp("10.0.0.1", "10.0.0.2", 0, b"12345"), "ICMP 10.0.0.1 > 10.0.0.2 echo reply"),
        (icmp("10.0.0.1", "10.0.0.2", 3, b""), "ICMP 10.0.0.1 > 10.0.0.2 unreachable"),
        (icmp("10.0.0.1", "10.0.0.2", 8, b"1234"), "ICMP 10.0.0.1 > 10.0.0.2 echo request"),
        (icmp("10.0.0.1", "10.0.0.2", 11, b"1"), "ICMP 10.0.0.1 > 10.0.0.2 time exceeded"),
        (icmp("10.0.0.1", "10.0.0.2", 9, b""), "ICMP 10.0.0.1 > 10.0.0.2 type 9"),
        (
            ipv4("10.0.0.1", "10.0.0.2", 47, b"1234"),
            "IPv4 10.0.0.1 > 10.0.0.2 protocol 47, 24 bytes",
        ),
        (
            bytes(12) + b"\x86\xdd" + bytes(6),
            "Ethernet 00:00:00:00:00:00 > 00:00:00:00:00:00 type 0x86dd, 20 bytes",
        ),
        (bytes(14), "Ethernet 00:00:00:00:00:00 > 00:00:00:00:00:00 type 0x0000, 14 bytes"),
        (bytes(13), "Ethernet ? > ? 13 bytes [too short for Ethernet]"),
        (
            bytes(range(12)) + b"\x08\x00" + bytes(3),
            "Ethernet 06:07:08:09:0a:0b > 00:01:02:03:04:05 type 0x0800 [cut short]",
        ),
    ],
)
def test_what_frames_are_called(frame: bytes, text: str) -> None:
    packet = decode(frame)
    assert str(packet) == text
    assert bool(packet.flaw) == ("[" in text)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (SYN | FIN | RST | PSH | ACK, "SYN,FIN,RST,PSH,ACK seq 7 ack 0 win 0"),
        (SYN, "SYN seq 7 win 0"),
        (FIN, "FIN seq 7 win 0"),
        (RST, "RST seq 7 win 0"),
        (0, "no flags seq 7 win 0"),
    ],
)
def test_the_names_of_flags(flags: int, names: str) -> None:
    packet = decode(tcp("10.0.0.1", 5, "10.0.0.2", 6, 7, flags))
    assert str(packet) == f"TCP 10.0.0.1:5 > 10.0.0.2:6 {names}"
    assert (packet.flags, packet.sequence) == (flags, 8 if flags & SYN else 7)


UDP = udp("10.0.0.1", 5, "10.0.0.2", 6, b"hello")
TCP = tcp("10.0.0.1", 5, "10.0.0.2", 6, 100, ACK, b"hello")
ICMP = icmp("10.0.0.1", "10.0.0.2", 8, b"hello")


@pytest.mark.parametrize(
    ("frame", "at", "value", "flaw"),
    [
        (UDP, 14, 0x55, "not an IPv4 header"),  # Version 5.
        (UDP, 14, 0x44, "not an IPv4 header"),  # A header of 16 bytes.
        (UDP, 17, 19, "not an IPv4 header"),  # It ends within its header.
        (UDP, 17, len(UDP) - 13, "cut short"),
        (UDP, 39, 12, "UDP length"),
        (UDP, 42, 0, "UDP checksum"),
        (TCP, 46, 0x40, "TCP header length"),
        (TCP, 46, 0x70, "TCP header length"),  # It ends behind the segment.
        (TCP, 54, 0, "TCP checksum"),
        (ICMP, 38, 0, "ICMP checksum"),
    ],
)
def test_each_flaw_has_its_name_and_hides_the_payload(
    frame: bytes, at: int, value: int, flaw: str
) -> None:
    damaged = bytearray(frame)
    damaged[at] = value
    packet = decode(bytes(damaged))
    assert (packet.flaw, packet.payload) == (flaw, b"")
    assert str(packet).endswith(f" [{flaw}]")


def test_a_datagram_without_a_checksum_is_whole() -> None:
    frame = bytearray(UDP)
    frame[40:42] = bytes(2)
    packet = decode(bytes(frame))
    assert (packet.flaw, packet.payload) == ("", b"hello")


def test_a_packet_with_options_begins_behind_them() -> None:
    frame = bytearray(UDP[:14]) + b"\x46" + UDP[15:34] + b"\1\1\1\0" + UDP[34:]
    frame[17] += 4
    frame[24:26] = bytes(2)
    words = (int.from_bytes(frame[at : at + 2], "big") for at in range(14, 38, 2))
    total = sum(words)
    frame[24:26] = (0xFFFF - (total >> 16) - (total & 0xFFFF)).to_bytes(2, "big")
    packet = decode(bytes(frame))
    assert (packet.flaw, packet.payload, packet.source_port) == ("", b"hello", 5)
