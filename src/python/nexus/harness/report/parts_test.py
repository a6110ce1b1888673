"""Parts of a page and files beside it as values: windows of streams, coverage, stacks, busy time,
and the twin of a capture whose messages are opened."""

from __future__ import annotations

import json
import struct

import pytest

from nexus.harness.report.event import KINDS, MAIN_KINDS, Event
from nexus.harness.report.opened import Opened, write
from nexus.harness.report.recorded import busy_of, coverage_of, flame_of
from nexus.harness.report.windows import windows_of


def event(kind: str, machine: str, **values: str | int) -> Event:
    return Event.model_validate(
        {"ns": 0, "machine": machine, "kind": kind, "text": "", "values": values}
    )


def test_a_window_is_what_was_allowed_and_granted_less_what_was_sent() -> None:
    stream = "1 'bulk'"
    rows = windows_of(
        [
            # B's settings allow A to send 100 bytes; A's allow B nothing that is known.
            event("stream", "B", connection=1, to="A", credit=100),
            event("data", "A", connection=1, to="B", stream=stream, bytes=60),
            event("data", "A", connection=1, to="B", stream=stream, bytes=40),
            event("credit", "B", connection=1, to="A", stream=stream, credit=30),
            event("data", "A", connection=1, to="B", stream=stream, bytes=10),
            event("data", "B", connection=1, to="A", stream=stream, bytes=7),
            event("data", "A", connection=2, to="B", stream=stream, bytes=5),
            event("credit", "B", connection=3, to="A", stream=stream, credit=9),
            # Events that are not about a stream of data.
            event("stream", "B", connection=1, to="A"),
            event("credit", "B", connection=1, to="A", credit=1000),
            event("data", "A", connection=1, to="B", bytes=1000),
            event("call", "A", connection=1, to="B", stream=stream, bytes=1000, credit=1000),
        ]
    )
    names = ("connection", "sender", "sent", "granted", "first", "least", "left")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1, "A", 110, 30, 100, 0, 20),
        (1, "B", 7, 0, "?", "?", "?"),
        (2, "A", 5, 0, "?", "?", "?"),
        (3, "A", 0, 9, "?", "?", "?"),
    ]
    assert {row["stream"] for row in rows} == {stream}


def test_a_window_that_grew_again_keeps_its_least() -> None:
    [row] = windows_of(
        [
            event("stream", "B", to="A", credit=10),
            event("data", "A", stream="s", bytes=9),
            event("credit", "B", to="A", stream="s", credit=50),
            event("data", "A", stream="s", bytes=1),
        ]
    )
    assert (row["least"], row["left"], row["connection"]) == (1, 50, 0)


def test_coverage_is_read_file_by_file_and_summed() -> None:
    text = (
        "TN:run\nSF:one.zig\nDA:1,1\nBRF:4\nBRH:3\nLF:8\nLH:5\nend_of_record\n"
        "SF:two\x1b.zig\nLF:0\nLH:0\nend_of_record\nSF:three.zig\nLF:x\nLH:7\nLF:9\n"
    )
    found = coverage_of({"coverage.info": text.encode()})
    assert found is not None
    rows = [*found["rows"], found["total"]]
    assert [(it["path"], it["hit"], it["found"], it["share"], it["ways"]) for it in rows] == [
        ("one.zig", 5, 8, "62.5", "3 of 4"),
        (r"two\x1b.zig", 0, 0, "0.0", "-"),
        ("all", 5, 8, "62.5", "3 of 4"),
    ]
    assert coverage_of({}) is None
    assert coverage_of({"coverage.info": b"SF:a\nLF:1\n"}) is None
    many = "SF:a\nLF:1\nLH:1\nend_of_record\n" * 5_001
    cut = coverage_of({"coverage.info": many.encode()})
    assert cut is not None
    assert (len(cut["rows"]), cut["total"]["found"]) == (5_000, 5_000)


def test_stacks_are_drawn_and_what_is_not_a_stack_is_passed_over() -> None:
    drawing = flame_of(
        {"profile.folded": b"A;main;work 3\nA;main;wo\x1brk 2\nnothing\nA;main x\n 5"}
    )
    assert drawing.startswith("<")
    assert "work" in drawing
    assert "\x1b" not in drawing
    for nothing in ({}, {"profile.folded": b""}, {"profile.folded": b"A;main x\n"}):
        assert flame_of(nothing) == ""


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b'{"format": 2}'])
def test_busy_time_that_cannot_be_read_is_not_there(content: bytes) -> None:
    assert busy_of({"activity.json": content}, ["A"]) is None
    assert busy_of({}, ["A"]) is None


def test_opened_messages_are_packets_with_their_direction_and_time() -> None:
    frames = [
        Opened(5 << 32 | 6, 0x0102, to_responder=True, frame=b"abc"),
        Opened(7, 3, to_responder=False, frame=b"abcd"),
    ]

    def block(kind: int, body: bytes) -> bytes:
        length = (len(body) + 12).to_bytes(4, "little")
        return kind.to_bytes(4, "little") + length + body + length

    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = struct.pack("<HHI", 147, 0, 0) + bytes([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0])
    first = struct.pack("<IIIII", 0, 5, 6, 8, 8) + b"\0\2\1\0\0abc"
    second = struct.pack("<IIIII", 0, 0, 7, 9, 9) + b"\1\3\0\0\0abcd" + bytes(3)
    assert write(frames) == (
        block(0x0A0D0D0A, section) + block(1, interface) + block(6, first) + block(6, second)
    )
    assert write([]) == block(0x0A0D0D0A, section) + block(1, interface)


def test_the_kinds_of_events_are_these_and_a_person_reads_twelve_of_them_first() -> None:
    assert len(KINDS) == 18
    assert set(KINDS) - set(MAIN_KINDS) == {
        "frame",
        "data",
        "credit",
        "keepalive",
        "call",
        "sealed",
    }
    assert json.loads(event("call", "A").model_dump_json())["ns"] == 0
