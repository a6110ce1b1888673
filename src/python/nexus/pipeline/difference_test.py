"""The first difference of two files is named, and only permitted ones are overlooked."""

from __future__ import annotations

import json

import pytest

from nexus.image.elf_cases import fake_elf
from nexus.pipeline.difference import Difference, compare, elf_place, first_offset


def only(name: str, first: bytes, second: bytes) -> Difference | None:
    found = list(compare({name: first}, {name: second}))
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize(
    ("first", "second", "offset"),
    [
        (b"abc", b"abd", 2),
        (b"abc", b"xbd", 0),
        (b"abc", b"ab", 2),
        (b"", b"a", 0),
        (bytes(1000) + b"a", bytes(1000) + b"b", 1000),
        (bytes(999) + b"ab" + bytes(5), bytes(999) + b"bb" + bytes(5), 999),
    ],
)
def test_first_offset_that_differs_is_found(first: bytes, second: bytes, offset: int) -> None:
    assert first_offset(first, second) == offset
    assert first_offset(second, first) == offset


def test_same_files_differ_in_nothing() -> None:
    assert list(compare({"a": b"1", "b": b"2"}, {"b": b"2", "a": b"1"})) == []


def test_a_text_is_compared_by_lines() -> None:
    found = only("uart-A.log", b"one\ntwo\nthree\n", b"one\ntwo!\nthree\n")
    assert found == Difference("uart-A.log", "line 2", "two", "two!")


def test_a_text_that_ends_early_is_said_to_have_ended() -> None:
    found = only("uart-A.log", b"one\ntwo", b"one\n")
    assert found == Difference("uart-A.log", "line 2", "two", "")


def test_other_bytes_are_compared_by_offset() -> None:
    found = only("x.pcapng", b"\0\1\2\3", b"\0\1\2")
    assert found == Difference("x.pcapng", "offset 3 (0x3)", "03", "(has ended after 3 bytes)")


def test_a_file_on_one_side_is_a_difference() -> None:
    assert list(compare({"a": b""}, {})) == [
        Difference("a", "is on one side only", "there", "missing")
    ]


def test_an_elf_is_compared_by_the_place_in_it() -> None:
    first = fake_elf()
    second = bytearray(first)
    second[-1] ^= 0xFF
    found = only("kernel.elf", first, bytes(second))
    assert found is not None
    assert f"offset {len(first) - 1} (" in found.where
    assert found.where.endswith(elf_place(first, len(first) - 1))
    assert elf_place(first, len(first) - 1) == "segment 0 (PT_LOAD), address 0x80000003"
    assert elf_place(first, 20) == "in the headers of the ELF"


def test_a_damaged_elf_is_still_compared() -> None:
    found = only("x.elf", b"\x7fELF\0\0", b"\x7fELF\0\1")
    assert found is not None
    assert "cannot be read" in found.where


def test_only_the_wall_part_of_a_summary_may_differ() -> None:
    first, second, other = (
        json.dumps({"wall": wall, "deterministic": {"n": n}}).encode()
        for wall, n in ((1, 1), (2, 1), (1, 2))
    )
    assert only("test/x/summary.json", first, second) is None
    assert only("test/x/summary.json", first, other) is not None


def test_only_the_times_of_a_report_of_pants_may_differ() -> None:
    first, second, other = (
        b'<testsuite time="%d"><testcase name="%s" time="%d"/></testsuite>' % values
        for values in ((1, b"a", 2), (3, b"a", 4), (1, b"b", 2))
    )
    assert only("test/reports/x.xml", first, second) is None
    assert only("test/reports/x.xml", first, other) is not None
    # A run of machines writes its own report, which holds virtual time.
    assert only("test/x/junit.xml", first, second) is not None
