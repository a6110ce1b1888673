"""Segments in any order and number give the bytes in order, once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nexus.harness.report.connection import AHEAD_BYTES_MAX, Connections
from nexus.harness.report.packet import ACK, SYN, Packet, decode
from nexus.harness.report.packet_cases import tcp

A, B = ("10.0.0.1", 1000), ("10.0.0.2", 2000)


def segment(sequence: int, payload: bytes = b"", flags: int = ACK, *, back: bool = False) -> Packet:
    source, target = (B, A) if back else (A, B)
    return decode(tcp(*source, *target, sequence % (1 << 32), flags, payload))


def opened(first: int = 99) -> Connections:
    connections = Connections()
    assert connections.take("A", segment(first, flags=SYN)) is not None
    assert connections.take("B", segment(500, flags=SYN | ACK, back=True)) is not None
    return connections


def taken(connections: Connections, packet: Packet) -> bytes:
    found = connections.take("A", packet)
    assert found is not None
    return found[2]


def test_bytes_in_order_are_given_at_once_each_way() -> None:
    connections = opened()
    assert taken(connections, segment(100, b"abc")) == b"abc"
    found = connections.take("B", segment(501, b"xyz", back=True))
    assert found is not None
    connection, way, data = found
    assert (data, way.machine, connection.dialler.machine) == (b"xyz", "B", "A")


def test_a_hole_is_waited_for() -> None:
    connections = opened()
    assert taken(connections, segment(103, b"def")) == b""
    assert taken(connections, segment(100, b"abc")) == b"abcdef"


def test_what_is_sent_again_counts_once() -> None:
    connections = opened()
    assert taken(connections, segment(100, b"abc")) == b"abc"
    assert taken(connections, segment(100, b"abc")) == b""
    assert taken(connections, segment(100, b"abcde")) == b"de"


def test_sequence_numbers_wrap() -> None:
    connections = opened(first=(1 << 32) - 2)
    assert taken(connections, segment((1 << 32) - 1, b"abc")) == b"abc"
    assert taken(connections, segment(2, b"de")) == b"de"


def test_a_syn_sent_again_is_the_same_connection_and_another_one_is_not() -> None:
    connections = opened()
    assert taken(connections, segment(100, b"abc")) == b"abc"
    connections.take("A", segment(99, flags=SYN))
    assert taken(connections, segment(103, b"d")) == b"d"
    assert len(connections.all) == 1
    connections.take("A", segment(7_000, flags=SYN))
    assert len(connections.all) == 2
    assert taken(connections, segment(7_001, b"new")) == b"new"


def test_a_listener_that_answers_twice_is_heard_from_its_last_number() -> None:
    connections = Connections()
    assert connections.take("A", segment(99, flags=SYN)) is not None
    # Refused while it boots, which A does not hear; accepted when A asks again.
    assert connections.take("B", segment(0, flags=ACK, back=True)) is not None
    assert connections.take("A", segment(99, flags=SYN)) is not None
    assert connections.take("B", segment(500, flags=SYN | ACK, back=True)) is not None
    found = connections.take("B", segment(501, b"xyz", back=True))
    assert found is not None
    assert found[2] == b"xyz"


def test_a_connection_without_its_beginning_is_left_alone() -> None:
    assert Connections().take("A", segment(100, b"abc")) is None


def test_a_hole_beyond_the_bound_ends_the_direction() -> None:
    connections = opened()
    assert taken(connections, segment(101 + AHEAD_BYTES_MAX, b"far")) == b""
    assert connections.all[0].dialler.flaw
    assert taken(connections, segment(100, b"abc")) == b""


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_cuts_in_any_order_with_repeats_give_the_bytes(
    sent: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=6)) | {0, len(sent)})
    pieces = [(100 + a, sent[a:b]) for a, b in pairwise(cuts)]
    extra = data.draw(st.lists(st.sampled_from(pieces), max_size=4))
    connections = opened()
    came = b"".join(
        taken(connections, segment(at, piece))
        for at, piece in data.draw(st.permutations(pieces + extra))
    )
    assert came == sent


def test_a_listener_may_answer_one_syn_with_two_numbers_and_the_last_counts() -> None:
    connections = opened()
    assert connections.take("B", segment(900, flags=SYN | ACK, back=True)) is not None
    found = connections.take("B", segment(901, b"xyz", back=True))
    assert found is not None
    connection, way, data = found
    assert (data, connection.number, way.first_sequence) == (b"xyz", 1, 901)
    # Once bytes have come, a late copy of the first answer begins nothing anew.
    connections.take("B", segment(500, flags=SYN | ACK, back=True))
    found = connections.take("B", segment(904, b"more", back=True))
    assert found is not None
    assert (found[2], found[1].next_sequence) == (b"more", 908)


def test_a_way_whose_beginning_was_not_captured_begins_with_its_first_segment() -> None:
    connections = Connections()
    assert connections.take("A", segment(99, flags=SYN)) is not None
    found = connections.take("B", segment(700, b"late", back=True))
    assert found is not None
    assert (found[2], found[1].first_sequence, found[1].next_sequence) == (b"late", 700, 704)


def test_a_segment_of_a_connection_that_was_not_seen_to_begin_is_none() -> None:
    connections = Connections()
    for flags in (0, ACK, SYN | ACK):
        assert connections.take("A", segment(100, b"abc", flags=flags)) is None
    assert connections.all == []
