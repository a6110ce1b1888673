"""The report's verdict on each kind of log."""

from __future__ import annotations

from pathlib import Path

import pytest

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
