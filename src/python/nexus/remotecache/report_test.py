"""The report's verdict on each kind of log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nexus.entry import reading
from nexus.remotecache import report

COUNTERS = "20:00:00.00 [INFO] Counters:\n"


def log_of(folder: Path, text: str) -> Path:
    path = folder / "pants.log"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("counters", "options", "exit_code"),
    [
        pytest.param("requests: 4|requests_cached: 4", [], 0, id="found"),
        pytest.param("requests: 4|requests_uncached: 4|write_successes: 4", [], 0, id="filled"),
        pytest.param("requests: 4|requests_cached: 4", ["--all-found"], 0, id="all found"),
        pytest.param("requests: 4|requests_uncached: 1", ["--all-found"], 1, id="one missing"),
        pytest.param("requests: 4|requests_cached: 4", ["--found-min", "5"], 1, id="too few"),
        pytest.param("requests: 0", [], 1, id="not asked"),
        pytest.param("requests: 4|read_errors: 1", [], 1, id="cannot read"),
        pytest.param("requests: 4|write_errors: 1", [], 1, id="cannot write"),
        pytest.param("requests: 4|request_timeouts: 1", [], 1, id="hangs"),
    ],
)
def test_the_exit_code_says_whether_it_served(
    tmp_path: Path, counters: str, options: list[str], exit_code: int
) -> None:
    lines = "".join(f"  remote_cache_{line}\n" for line in counters.split("|"))

    assert report.main([*options, str(log_of(tmp_path, COUNTERS + lines))]) == exit_code


def test_a_log_without_counters_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = log_of(tmp_path, "20:00:00.00 [INFO] Completed: everything\n")

    assert report.main([str(log)]) == 2
    assert "set [stats] log" in capsys.readouterr().err


def test_a_log_that_is_missing_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(tmp_path / "none.log")]) == 2
    assert "none.log" in capsys.readouterr().err


def test_a_log_that_nobody_writes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "QUIET_SECONDS_MAX", 0.1)
    os.mkfifo(tmp_path / "pipe")
    holder = os.open(tmp_path / "pipe", os.O_RDWR)
    assert report.main([str(tmp_path / "pipe")]) == report.UNKNOWN
    assert report.main(["--processes", str(tmp_path / "pipe")]) == 20
    os.close(holder)
    assert capsys.readouterr().err.count("nothing came out of this pipe") == 2


@pytest.mark.parametrize(
    ("content", "exit_code"),
    [(b"", 2), (b"\x7fELF\x00\xff" * 100, 2), (b"[INFO] Counters:\n", 2), (None, 2)],
    ids=["empty", "foreign", "broken off", "folder"],
)
def test_what_says_nothing_is_said_to_in_one_line(
    content: bytes | None, exit_code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.mkdir() if content is None else path.write_bytes(content)
    assert report.main([str(path)]) == exit_code
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "text",
    ["\n", "[]", "7", "[" * 100_000, '{"bytes": {"fetched": 1e999, "written": 1}}', "{}", "\0"],
)
def test_a_file_that_is_none_of_processes_is_one_line_and_20(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log_of(tmp_path, text)
    assert report.main(["--processes", str(path)]) == 20
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "line 1 is neither a process nor bytes" in printed.err


@pytest.mark.parametrize("count", ["-1", "x", ""])
def test_a_count_that_is_none_is_one_line_and_20(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([f"--found-min={count}", "log"]) == 20
    shown = capsys.readouterr().err
    assert f"--found-min: {count!r} is not a whole number in 0.." in shown
    assert shown.count("\n") == 1
