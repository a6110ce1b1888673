"""Logs of Pants 2.17.1, shortened to the lines that count."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.remotecache import report, stats

LOG = """\
19:25:20.85 [INFO] Completed: Run zig tests - succeeded.
{warnings}19:25:20.86 [INFO] Counters:
  local_cache_requests: 7
  remote_cache_read_errors: {read_errors}
  remote_cache_requests: {requests}
  remote_cache_requests_cached: {cached}
  remote_cache_requests_uncached: {uncached}
  remote_cache_write_attempts: {uncached}
  remote_cache_write_successes: {uncached}
"""

REFUSED = (
    "19:25:21.00 [WARN] Failed to read from remote cache (1 occurrences so far): Unauthenticated\n"
)


def log(*, cached: int = 0, uncached: int = 0, read_errors: int = 0, warnings: str = "") -> str:
    requests = cached + uncached + read_errors
    return LOG.format(
        cached=cached,
        uncached=uncached,
        read_errors=read_errors,
        requests=requests,
        warnings=warnings,
    )


def test_runs_of_one_log_are_added() -> None:
    found = stats.parse(log(cached=3) + "between\n" + log(cached=2, uncached=1))
    assert (found["requests"], found["requests_cached"], found["requests_uncached"]) == (6, 5, 1)


def test_a_log_without_counters_says_nothing() -> None:
    with pytest.raises(stats.NoCountersError, match="stats"):
        stats.parse("19:25:20.85 [INFO] Completed\n  remote_cache_requests: 3\n")


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (log(cached=3), ["--all-found"], 0),
        (log(cached=3, uncached=1), [], 0),
        (log(cached=3, uncached=1), ["--all-found"], 1),
        (log(cached=3, uncached=1), ["--found-min", "4"], 1),
        (log(uncached=3), [], 0),
        (log(cached=3, read_errors=1, warnings=REFUSED), [], 1),
        (log(), [], 1),
        ("nothing\n", [], 2),
    ],
)
def test_a_cache_that_does_not_serve_is_an_exit_code(
    text: str, arguments: list[str], code: int, tmp_path: Path
) -> None:
    path = tmp_path / "pants.log"
    path.write_text(text, encoding="utf-8")
    assert report.main([str(path), *arguments]) == code


def test_the_report_gives_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pants.log"
    path.write_text(log(read_errors=2, warnings=REFUSED * 2), encoding="utf-8")
    assert report.main([str(path)]) == 1
    assert capsys.readouterr().out.count("reason: could not read from it: Unauthenticated") == 1
