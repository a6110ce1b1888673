"""Lines from bytes: whole, byte by byte, and what is not text."""

from __future__ import annotations

import pytest

from nexus.harness import console
from nexus.harness.console import LINE_BYTES_MAX, Garbled, LineAssembler


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_cutting_the_bytes_changes_nothing(size: int) -> None:
    data = "init: start\r\n\ntab\there, größer\nrest".encode()
    lines = LineAssembler()
    result = []
    for start in range(0, len(data), size):
        result += lines.feed(data[start : start + size])
    assert result == ["init: start", "", "tab\there, größer"]
    assert lines.pending == b"rest"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a\x00b\n", "line 1: control byte 0x00 at column 2"),
        (b"ok\n\x1b[31mred\n", "line 2: control byte 0x1b at column 1"),
        (b"a\rb\n", "control byte 0x0d"),
        (b"\x7f\n", "control byte 0x7f"),
        (b"ok\n\xff\xfe\n", "line 2: not UTF-8 at column 1"),
        (b"x" * (LINE_BYTES_MAX + 1) + b"\n", "longer than"),
        (b"x" * (LINE_BYTES_MAX + 2), "longer than"),
    ],
)
def test_output_that_is_not_text_is_garbled(data: bytes, reason: str) -> None:
    last = LineAssembler().feed(data)[-1]
    assert isinstance(last, Garbled)
    assert reason in last.reason
    assert last.reason.isprintable()


def test_longest_line_is_a_line() -> None:
    assert LineAssembler().feed(b"x" * LINE_BYTES_MAX + b"\r\n") == ["x" * LINE_BYTES_MAX]


def test_lines_before_the_garbled_one_are_delivered() -> None:
    assert LineAssembler().feed(b"one\ntwo\n\x01\nthree\n")[:2] == ["one", "two"]


def test_whole_output_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "CONSOLE_BYTES_MAX", 10_000)
    lines = LineAssembler()
    chunk = b"x" * 999 + b"\n"
    for _ in range(10):
        assert lines.feed(chunk) == ["x" * 999]
    assert lines.feed(chunk) == [Garbled("more than 10000 bytes of output")]
