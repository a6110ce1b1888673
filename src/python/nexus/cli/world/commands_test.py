"""The commands on the artifacts of a run: what they print, and one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.cli.main import main
from nexus.harness.pcapng import Capture
from nexus.harness.report.event import Event, render
from nexus.harness.report.packet_cases import arp
from nexus.harness.report.page_test import console, summary
from nexus.harness.summary import digest


def run_of(folder: Path, *more: Event) -> Path:
    """The artifacts of a small run."""
    folder.mkdir()
    events = [
        console(1, "init: ready"),
        Event(ns=2_000_000, machine="A", kind="frame", text="ARP"),
        console(3, "init: ready", "B"),
        *more,
    ]
    (folder / "timeline.jsonl").write_text(render(events))
    (folder / "summary.json").write_text(summary().to_json())
    (folder / "uart-A.log").write_bytes(b"init: ready\n")
    capture = Capture({"A": bytes(6)})
    capture.add("A", 2_000_000, arp("10.0.0.1", "10.0.0.2"))
    (folder / "capture.pcapng").write_bytes(capture.content())
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[str], str]:
    """Run a command; its exit code, lines of output, and what it complained of."""
    code = main(["world", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out.splitlines(), shown.err


def test_a_timeline_shows_what_matters_and_on_request_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    code, lines, _ = said(capsys, "timeline", folder)
    assert (code, len(lines)) == (0, 2)
    assert lines[0].split() == ["1.000000", "ms", "A", "console", "init:", "ready"]
    assert len(said(capsys, "timeline", folder, "--all")[1]) == 3
    assert len(said(capsys, "timeline", folder, "--machine", "B")[1]) == 1
    assert len(said(capsys, "timeline", folder, "--kind", "frame", "--to-ms", "2.5")[1]) == 1


def test_equal_runs_are_0_and_different_ones_are_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_of(tmp_path / "one"), run_of(tmp_path / "two")
    other = run_of(tmp_path / "three", console(9, "more"))
    assert said(capsys, "diff", first, second)[:2] == (0, ["The runs have the same 3 events."])
    code, lines, _ = said(capsys, "diff", first, other)
    assert code == 1
    assert lines[0] == "The runs part at 9.000000 ms, after 3 equal events."


def test_what_the_runs_were_given_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_of(tmp_path / "one"), run_of(tmp_path / "two", console(9, "more"))
    inputs = {"images": {"system": "1"}, "configs": {"A": "2"}, "drives": {}}
    digests = {**inputs, "logs": {}, "capture": "", "trace": ""}
    for folder, seed, image in ((first, 1, "1"), (second, 7, "3")):
        held = json.loads((folder / "summary.json").read_text())
        held["deterministic"]["seed"] = seed
        held["deterministic"]["digests"] = {**digests, "images": {"system": image}}
        (folder / "summary.json").write_text(json.dumps(held))
    *_, last = said(capsys, "diff", first, second)[1]
    assert last == "The runs were given different inputs: seed 1 and 7, image system."
    (second / "summary.json").write_bytes((first / "summary.json").read_bytes())
    *_, last = said(capsys, "diff", first, second)[1]
    assert last.startswith("Their world, seed, images")


def test_frames_are_decoded_and_a_capture_for_wireshark_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    opened = tmp_path / "opened.pcapng"
    code, lines, _ = said(capsys, "frames", folder / "capture.pcapng", "--opened", opened)
    assert code == 0
    assert lines[0].endswith("ARP 10.0.0.1 > 10.0.0.2 who has 10.0.0.2?")
    assert opened.read_bytes()


def test_a_report_says_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    (folder / "timeline.jsonl").unlink()
    (folder / "uart-A.log").unlink()
    code, lines, _ = said(capsys, "report", folder)
    assert (code, lines) == (0, [str(folder / "report.html")])
    page = (folder / "report.html").read_text()
    assert "timeline.jsonl is not there" in page
    assert "The log of machine A is not there" in page


def page_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    code, lines, _ = said(capsys, "report", folder)
    assert (code, lines) == (0, [str(folder / "report.html")])
    page = (folder / "report.html").read_text()
    assert str(folder) not in page
    return page


def test_a_damaged_timeline_is_shown_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    path = folder / "timeline.jsonl"
    events = path.read_text().splitlines(keepends=True)
    path.write_text("".join(events[:2]) + events[2][:9])
    assert "timeline.jsonl: line 3: " in page_of(folder, capsys)
    code, lines, complaint = said(capsys, "timeline", folder, "--all")
    assert (code, len(lines)) == (20, 2)
    assert "timeline.jsonl: line 3: " in complaint


def test_a_damaged_capture_and_one_of_another_run_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    path = folder / "capture.pcapng"
    whole = path.read_bytes()
    held = json.loads((folder / "summary.json").read_text())
    nobody: dict[str, object] = {key: {} for key in ("images", "configs", "drives", "logs")}
    held["deterministic"]["digests"] = {**nobody, "capture": digest(whole), "trace": ""}
    (folder / "summary.json").write_text(json.dumps(held))
    assert "capture.pcapng" not in page_of(folder, capsys).partition("files-title")[0]
    path.write_bytes(whole[:-3])
    assert "capture.pcapng: byte " in page_of(folder, capsys)
    path.write_bytes(whole + whole)
    assert "capture.pcapng is not the file that this run has written" in page_of(folder, capsys)


def test_without_a_summary_the_page_has_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    (folder / "summary.json").write_text("{")
    page = page_of(folder, capsys)
    assert "summary.json:1: not JSON" in page
    assert "outcome, markers and machines are not known" in page
    assert "exit code unknown" in page


def test_without_a_timeline_the_page_has_the_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(tmp_path / "run")
    (folder / "timeline.jsonl").unlink()
    page = page_of(folder, capsys)
    assert "timeline.jsonl is not there" in page
    assert "who has 10.0.0.2?" in page


@pytest.mark.parametrize(
    "arguments",
    [
        ("timeline", "nowhere"),
        ("diff", "nowhere", "nowhere"),
        ("frames", "nowhere"),
        ("report", "nowhere"),
        ("timeline", "nowhere", "--from-ms", "x"),
        ("timeline", "nowhere", "--from-ms", "nan"),
        ("timeline", "nowhere", "--kind", "x"),
        ("report",),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_20(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, lines, complaint = said(capsys, *arguments)
    assert (code, lines) == (20, [])
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == 1


def test_a_damaged_capture_gives_its_frames_and_then_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_of(tmp_path / "run") / "capture.pcapng"
    path.write_bytes(path.read_bytes() + b"\6\0\0\0\xff\xff\xff\xff" + bytes(8))
    code, lines, complaint = said(capsys, "frames", path)
    assert (code, len(lines)) == (20, 1)
    assert "a block of" in complaint
