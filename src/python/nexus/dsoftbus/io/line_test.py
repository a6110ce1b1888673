"""One line below its frames, over stand-ins: when it reads, what is late, and
that a defect above it ends it alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.dsoftbus.carrier import Mode
from nexus.dsoftbus.io.line_fake import FakeLine
from nexus.dsoftbus.io.link_owner import (
    LATE_NS,
    LINGER_NS,
    WRITE_BYTES_HIGH,
    WRITE_BYTES_LOW,
)


def test_a_connection_begins_with_its_source_its_limits_and_what_waits() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.fake.waiting.append(b"first")
    transport = line.connect(peername=("10.0.0.9", 4000))
    assert line.heard == [("begun", "10.0.0.9")]
    assert transport.limits == (WRITE_BYTES_HIGH, WRITE_BYTES_LOW) == (32_768, 8_192)
    assert transport.written == [b"first"]
    assert [at_ns for at_ns, _ in line.clock.waiting] == [500]
    assert line.counters.bytes_sent == 5


@pytest.mark.parametrize("peername", [None, ()])
def test_a_connection_without_an_address_is_from_nowhere(peername: object) -> None:
    line = FakeLine()
    line.connect(peername=peername)
    assert line.heard == [("begun", "-")]


def read(line: FakeLine) -> None:
    line.buffer_updated(3)


def tick(line: FakeLine) -> None:
    line.fake.events.append("late")
    line.clock.turn_to(500)


def flush(line: FakeLine) -> None:
    line.carry(b"frame")
    line.flush()


@pytest.mark.parametrize(
    ("name", "use"), [("turn", read), ("event", tick), ("sealed", flush)], ids=lambda v: str(v)[:9]
)
def test_a_defect_above_raises_nowhere_and_is_told(
    name: str, use: Callable[[FakeLine], None]
) -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line.failing = name
    use(line)
    assert line.heard[-1] == ("failed", name)


def test_a_defect_at_the_beginning_is_told_too() -> None:
    line = FakeLine()
    line.failing = "begun"
    line.connect()
    assert line.heard == [("begun", "-"), ("failed", "begun")]


def test_what_was_read_is_fed_counted_and_dealt_with() -> None:
    line = FakeLine()
    line.connect()
    buffer = line.get_buffer(-1)
    buffer[:5] = b"bytes"
    line.buffer_updated(4)
    line.buffer_updated(1)
    assert line.fake.fed == [b"byte", b"b"]
    assert line.counters.bytes_received == 5
    assert line.heard[1:] == ["turn", "turn"]
    assert line.eof_received() is False


@pytest.mark.parametrize("mode", [None, *Mode])
def test_a_peer_that_takes_nothing_is_not_read_from_unless_credit_bounds_it(
    mode: Mode | None,
) -> None:
    line = FakeLine()
    transport = line.connect()
    for each in () if mode is None else (mode,):
        line.carry(mode=each)
    line.pause_writing()
    assert transport.is_reading() is (mode is Mode.STREAMS)
    line.resume_writing()
    assert transport.is_reading()
    assert transport.asked == ([] if mode is Mode.STREAMS else ["pause", "resume"])


def test_holding_stops_reading_until_it_is_released_whatever_else_there_is() -> None:
    line = FakeLine()
    transport = line.connect()
    line.release()
    assert transport.asked == []
    line.hold()
    line.hold()
    assert transport.asked == ["pause"]
    line.pause_writing()
    line.release()
    assert transport.asked == ["pause"], "it still takes nothing"
    line.resume_writing()
    line.release()
    assert transport.asked == ["pause", "resume"]


def test_a_transport_that_closes_is_not_asked_to_read_or_not() -> None:
    line = FakeLine()
    line.hold()
    transport = line.connect()
    transport.close()
    line.release()
    line.hold()
    assert transport.asked == ["close"]


def test_a_timer_is_set_for_the_sessions_deadline_again_and_again() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line.fake.events = ["one", "two"]
    line.clock.turn_to(499)
    assert line.fake.ticked == []
    line.clock.turn_to(500)
    assert line.fake.ticked == [500]
    assert line.heard[1:] == [("event", "one"), ("event", "two")]
    assert line.clock.waiting == []
    line.fake.due_ns = 900
    line._arm()
    line._arm()
    assert [at_ns for at_ns, _ in line.clock.waiting] == [900], "one timer, however often"


def test_what_time_brings_is_written_and_the_next_deadline_waited_for() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    transport = line.connect()
    tick = line.fake.tick

    def ping(now_ns: int) -> list[object]:
        line.fake.waiting.append(b"ping")
        found = tick(now_ns)
        line.fake.due_ns = now_ns + 1000
        return found

    line.fake.tick = ping  # type: ignore[method-assign]  # A stand-in.
    line.clock.turn_to(500)
    assert transport.written == [b"ping"]
    assert [at_ns for at_ns, _ in line.clock.waiting] == [1500]


@pytest.mark.parametrize(
    ("late_ns", "is_excused"), [(0, False), (LATE_NS, False), (LATE_NS + 1, True)]
)
def test_a_timer_that_is_very_late_was_our_own_doing(late_ns: int, is_excused: bool) -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    (_, late) = line.clock.waiting.pop()
    line.clock.at_ns = 500 + late_ns
    late()
    assert line.fake.excused == [500 + late_ns] * is_excused
    assert line.fake.ticked == [500 + late_ns]
    assert LATE_NS == 500_000_000


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("is_behind", [False, True])
def test_what_was_not_read_is_not_the_peers_silence(is_held: bool, is_behind: bool) -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line._is_held, line._is_behind = is_held, is_behind
    line.clock.turn_to(500)
    assert line.fake.excused == [500] * (is_held or is_behind)


def test_a_deadline_that_is_no_more_excuses_nothing() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line.fake.due_ns = None
    line.clock.turn_to(5_000_000_000)
    assert (line.fake.excused, line.fake.ticked) == ([], [500])


def test_after_the_end_no_timer_is_the_sessions() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line._is_ended = True
    line.clock.turn_to(500)
    assert line.fake.ticked == []
    line._arm()
    assert line.clock.waiting == []


def test_a_line_that_closes_writes_what_it_has_and_is_not_waited_for_longer_than_a_second() -> None:
    line = FakeLine()
    transport = line.connect()
    line.fake.waiting.append(b"goodbye")
    line.clock.turn_to(7)
    line._close_transport()
    assert transport.written == [b"goodbye"]
    assert transport.asked == ["close"]
    assert [at_ns for at_ns, _ in line.clock.waiting] == [7 + LINGER_NS]
    line.clock.turn_to(6 + LINGER_NS)
    assert transport.asked == ["close"]
    line.clock.turn_to(7 + LINGER_NS)
    assert transport.asked == ["close", "abort"]


def test_a_connection_that_is_gone_is_forgotten_with_its_timer() -> None:
    line = FakeLine()
    line.fake.due_ns = 500
    line.connect()
    line._stop_timer()
    assert line.clock.waiting == []
    line._close_transport()
    line.connection_lost(None)
    assert line.heard[1:] == [("end", None), "forgotten"]
    assert line.clock.waiting == []
    assert line.over.is_set()
    line._close_transport()
    line.connection_lost(None)
    assert line.heard.count("forgotten") == 1


def test_a_connection_that_never_stood_is_over_and_not_forgotten() -> None:
    line = FakeLine()
    line.connection_lost(OSError("refused"))
    assert line.heard == [("end", None)]
    assert line.over.is_set()
