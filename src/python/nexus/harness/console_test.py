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


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"ok\na\x00b\n", r"line 2: control byte 0x00 at column 2: 'a\x00b'"),
        (b"\x1f\n", r"line 1: control byte 0x1f at column 1: '\x1f'"),
        (b"\tab\x7f\n", r"line 1: control byte 0x7f at column 4: '\tab\x7f'"),
        (b"one\ntwo\nab\xff\n", r"line 3: not UTF-8 at column 3: 'ab\xff'"),
        (b"y" * 81 + b"\x01\n", f"line 1: control byte 0x01 at column 82: '{'y' * 80}'"),
        (b"y" * 79 + b"\x01zz\n", rf"line 1: control byte 0x01 at column 80: '{'y' * 79}\x01'"),
        (b"a\n" + b"x" * 1025 + b"\n", f"line 2: longer than 1024 bytes: '{'x' * 80}'"),
        (b"a\n" + b"x" * 1026, f"line 2: longer than 1024 bytes: '{'x' * 80}'"),
        (b"a\nb\n" + b"x" * 1024 + b"\r", None),
        (b"x" * 1024 + b"\r\n", None),
        (b"x" * 1025 + b"\r\n", f"line 1: longer than 1024 bytes: '{'x' * 80}'"),
        (b" ~\xc3\xa9\n", None),
    ],
)
def test_a_garbled_line_is_named_with_its_number_its_column_and_its_beginning(
    data: bytes, reason: str | None
) -> None:
    found = [line.reason for line in LineAssembler().feed(data) if isinstance(line, Garbled)]
    assert found == ([] if reason is None else [reason])


def test_a_line_that_never_ends_is_told_once_it_cannot_be_one() -> None:
    lines = LineAssembler()
    assert lines.feed(b"one\n") == ["one"]
    assert lines.feed(b"x" * 1025) == []
    assert lines.pending == b"x" * 1025
    assert lines.feed(b"x") == [Garbled(f"line 2: longer than 1024 bytes: '{'x' * 80}'")]


def test_output_up_to_the_bound_is_read_and_no_byte_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "CONSOLE_BYTES_MAX", 4)
    lines = LineAssembler()
    assert lines.feed(b"a\nb") == ["a"]
    assert lines.feed(b"\n") == ["b"]
    assert lines.feed(b"") == []
    assert lines.feed(b"\n") == [Garbled("more than 4 bytes of output")]
