"""A node's log as a peer reads it: every record once, in order; what is not there is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.log import MESSAGE_BYTES_MAX, RECORDS_MAX, SCOPE_BYTES_MAX, LogRing
from nexus.dsoftbus.log_reader import LogReader
from nexus.wire.gateway import RESPONSE_PAYLOAD_MAX
from nexus.wire.log import Append, Level, Op, Query, Record, Reply, Stats, Status, decode_reply

TEXTS = st.text(max_size=200)


def filled(*times_ns: int, records_max: int = RECORDS_MAX) -> LogRing:
    ring = LogRing(records_max)
    for number, now_ns in enumerate(times_ns, 1):
        ring.append(Level.INFO, "s", f"m{number}", now_ns)
    return ring


def ask(ring: LogRing, query: Query) -> Reply:
    frame = ring.answer(query.encode())
    assert len(frame) <= RESPONSE_PAYLOAD_MAX
    return decode_reply(frame)


def read_all(ring: LogRing, since_ns: int = 0) -> tuple[list[Record], LogReader]:
    """Read as a peer does, whose every query leaves a record."""
    reader = LogReader(since_ns)
    records: list[Record] = []
    for _ in range(10_000):
        query = reader.next_query()
        if query is None:
            return records, reader
        reply = ask(ring, query)
        ring.append(Level.INFO, "dsoftbusd", "audit remote call outcome=ok", 0)
        records += reader.take(reply)
    raise AssertionError("the reader runs after its own tail")


def test_an_empty_log_answers_without_records() -> None:
    ring = LogRing()
    assert ask(ring, Query(0, 9)) == Reply(Op.QUERY, Status.OK)
    assert read_all(ring)[0] == []


@pytest.mark.parametrize("nonce", [None, 7])
def test_a_query_gives_the_oldest_from_an_instant_on(nonce: int | None) -> None:
    ring = filled(10, 20, 30)
    reply = ask(ring, Query(20, 9, nonce))
    assert [(r.id, r.time_ns, r.message) for r in reply.records] == [(2, 20, "m2"), (3, 30, "m3")]
    assert (reply.total, reply.dropped, reply.nonce) == (3, 0, nonce)
    assert [r.id for r in ask(ring, Query(0, 1)).records] == [1]
    assert ask(ring, Query(0, 0)).records == ()
    assert ask(ring, Query(31, 9)).records == ()


def test_no_two_records_have_one_time() -> None:
    assert [r.time_ns for r in ask(filled(5, 5, 3, 9), Query(0, 9)).records] == [5, 6, 7, 9]


def test_the_ring_is_bounded_and_says_what_it_dropped() -> None:
    ring = filled(*range(1, 11), records_max=4)
    reply = ask(ring, Query(0, 64))
    assert [r.id for r in reply.records] == [7, 8, 9, 10]
    assert (reply.total, reply.dropped) == (10, 6)
    stats = decode_reply(ring.answer(Stats(3).encode()))
    assert (stats.total, stats.dropped, stats.nonce) == (10, 6, 3)
    assert stats.capacity == (4, 4 * (SCOPE_BYTES_MAX + MESSAGE_BYTES_MAX), 4, 4 * 3 + 1)


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b"", b"LO\x01\x80\x01"),
        (b"XX\x01\x02", b"LO\x01\x80\x01"),
        (b"LO\x03\x02", b"LO\x01\x82\x02"),
        (b"LO\x01\x09", b"LO\x01\x89\x02"),
        (b"LO\x02\x09" + bytes(range(8)), b"LO\x02\x89\x02" + bytes(range(8))),
        (b"LO\x02\x02\x00", b"LO\x01\x82\x01"),
        (Query(0, 1).encode()[:-1], b"LO\x01\x82\x01"),
        (Query(0, 1, 1).encode() + b"\0", b"LO\x02\x82\x01\x01" + bytes(7)),
        (Append(Level.INFO, "s", "m").encode(), b"LO\x01\x81\x02"),
        (Append(Level.INFO, "s", "m", nonce=1).encode(), b"LO\x02\x81\x02\x01" + bytes(7)),
        (b"LO\x01\x01\x09", b"LO\x01\x81\x04"),
        (b"LO\x01\x01\x01\xff" + bytes(4), b"LO\x01\x81\x03"),
    ],
)
def test_what_is_refused_changes_nothing(frame: bytes, answer: bytes) -> None:
    ring = filled(1)
    assert ring.answer(frame) == answer
    assert ring.total == 1


def test_every_truncation_is_malformed() -> None:
    for frame in (Query(1, 2).encode(), Query(1, 2, 3).encode(), Stats(3).encode()):
        for length in range(len(frame)):
            assert decode_status(filled().answer(frame[:length])) is Status.MALFORMED


def decode_status(answer: bytes) -> Status:
    return Status(answer[4])


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 1 << 40)), max_size=30))
def test_texts_are_cut_between_characters_and_all_are_read(
    wanted: list[tuple[str, str, int]],
) -> None:
    ring = LogRing()
    for scope, message, now_ns in wanted:
        ring.append(Level.WARN, scope, message, now_ns)
    records, reader = read_all(ring)
    assert [r.id for r in records] == list(range(1, len(wanted) + 1))
    for record, (scope, message, _) in zip(records, wanted, strict=True):
        assert scope.startswith(record.scope)
        assert message.startswith(record.message)
        assert len(message.encode()) - len(record.message.encode()) < 4 or (
            MESSAGE_BYTES_MAX - 3 <= len(record.message.encode()) <= MESSAGE_BYTES_MAX
        )
    assert (reader.dropped, reader.missed) == (0, 0)


@pytest.mark.parametrize("count", [1, 2, 16, 17, 100])
def test_a_reader_stops_where_the_log_ended_when_it_began(count: int) -> None:
    ring = filled(*range(1, count + 1))
    records, _ = read_all(ring)
    assert [r.message for r in records] == [f"m{n}" for n in range(1, count + 1)]
    assert ring.total > count


def test_a_reader_begins_where_it_is_told() -> None:
    assert [r.id for r in read_all(filled(10, 20, 30), 20)[0]] == [2, 3]
    assert read_all(filled(10, 20, 30), 31)[0] == []


def test_what_is_dropped_while_reading_is_counted() -> None:
    ring = filled(*range(1, 41), records_max=40)
    reader = LogReader()
    first = reader.take(ask(ring, Query(0, 4)))
    assert [r.id for r in first] == [1, 2, 3, 4]
    for number in range(20):
        ring.append(Level.INFO, "s", "later", 100 + number)
    query = reader.next_query()
    assert query is not None
    second = reader.take(ask(ring, query))
    assert second[0].id == 21
    assert (reader.missed, reader.dropped) == (16, 20)


def test_a_peer_that_repeats_itself_does_not_hold_a_reader() -> None:
    reply = ask(filled(1, 2), Query(0, 9))
    reader = LogReader()
    assert len(reader.take(replace(reply, total=99))) == 2
    assert reader.next_query() == Query(3, 64)
    assert reader.take(replace(reply, total=99)) == []
    assert reader.next_query() is None
