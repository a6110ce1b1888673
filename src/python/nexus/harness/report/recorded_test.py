"""Coverage, profile and busy time: from the files of a run to rows of the page."""

from __future__ import annotations

import pytest

from nexus.harness.report import recorded
from nexus.harness.report.recorded import busy_of, coverage_of, flame_of

LCOV = """\
TN:os2vm
SF:one.zig
DA:1,1
LF:3
LH:2
BRF:4
BRH:1
end_of_record
SF:two\x07.zig
LF:0
LH:x
end_of_record
LF:1000
"""


def test_the_rows_of_coverage_and_their_sum() -> None:
    coverage = coverage_of({"coverage.info": LCOV.encode()})
    assert coverage is not None
    assert [list(row.values())[:5] for row in (*coverage["rows"], coverage["total"])] == [
        ["one.zig", 2, 3, "66.6", "1 of 4"],
        [r"two\x07.zig", 0, 0, "0.0", "-"],
        ["all", 2, 3, "66.6", "1 of 4"],
    ]
    assert coverage["total"]["counts"] == {"LH": 2, "LF": 3, "BRH": 1, "BRF": 4}


@pytest.mark.parametrize("text", ["", "SF:x\nLF:1\n", "nonsense"])
def test_a_trace_file_without_a_record_is_no_coverage(text: str) -> None:
    assert coverage_of({"coverage.info": text.encode()}) is None
    assert coverage_of({}) is None


def test_a_table_of_coverage_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "_FILES_MAX", 2)
    text = "".join(f"SF:{name}\nLF:1\nLH:1\nend_of_record\n" for name in "abc")
    coverage = coverage_of({"coverage.info": text.encode()})
    assert coverage is not None
    assert [row["path"] for row in coverage["rows"]] == ["a", "b"]
    assert coverage["total"]["hit"] == 2


@pytest.mark.parametrize(
    ("text", "samples"),
    [("A;main 3\nA;main 4\nA;other 1\n", "8 samples"), ("A;main 3\n\nx\nB;y z\n", "3 samples")],
)
def test_stacks_are_added_up_and_what_is_none_is_passed_over(text: str, samples: str) -> None:
    drawn = flame_of({"profile.folded": text.encode()})
    assert samples in drawn


@pytest.mark.parametrize("text", ["", "\n", "A;main\n", " 3\n", "A;main -3\n"])
def test_without_a_stack_nothing_is_drawn(text: str) -> None:
    assert flame_of({"profile.folded": text.encode()}) == ""
    assert flame_of({}) == ""


def test_stacks_are_read_up_to_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "_STACKS_MAX", 2)
    drawn = flame_of({"profile.folded": b"A;a 1\nA;b 2\nA;c 4\n"})
    assert "3 samples" in drawn


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"format": 2}'])
def test_busy_time_that_cannot_be_read_is_none(text: bytes) -> None:
    assert busy_of({"activity.json": text}, ["A"]) is None
