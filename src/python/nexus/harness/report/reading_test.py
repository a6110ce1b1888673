"""Summaries are held to their schema; a mistake names its place, its value and the remedy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nexus.config.held_file import ReadingError
from nexus.harness.report.page_test import summary
from nexus.harness.report.reading import read_summary, read_timeline


def changed(path: Path, place: str, value: object) -> Path:
    held = json.loads(summary().to_json())
    *parents, last = place.split(".")
    target = held
    for name in parents:
        target = target[name]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    path.write_text(json.dumps(held))
    return path


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(summary().to_json())
    assert read_summary(path) == summary()


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ("deterministic.seed", "x", 'deterministic.seed: "x": expected integer'),
        ("format", "other", 'format: "other": expected "nexus-run-summary"'),
        ("deterministic.outcome", ..., "'outcome' is missing"),
        ("more", 1, "'more' is unknown; expected deterministic, engine"),
        ("deterministic.machine_states", {"A": 3}, "machine_states.A: 3: expected string"),
    ],
)
def test_a_mistake_names_its_place(
    tmp_path: Path, place: str, value: object, complaint: str
) -> None:
    with pytest.raises(ReadingError) as caught:
        read_summary(changed(tmp_path / "summary.json", place, value))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "not JSON"),
        (b"\xff", "byte 0: not UTF-8"),
        (b"[]", "the whole file: []: expected object"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_another_file_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(ReadingError, match=re.escape(complaint)) as caught:
        read_summary(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match=r"cannot read .*timeline\.jsonl: No such file"):
        read_timeline(tmp_path / "timeline.jsonl")
