"""Logs of Pants 2.17.1, shortened to the lines that count."""

from __future__ import annotations

import pytest

from nexus.remotecache import stats

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


def test_each_reason_is_given_once() -> None:
    found = stats.parse(log(read_errors=2, warnings=REFUSED * 2))

    assert stats.render(found).count("reason: could not read from it: Unauthenticated") == 1


def test_colours_hide_nothing() -> None:
    """`PANTS_COLORS=true` overrides what pants.ci.toml says."""
    coloured = log(read_errors=1, cached=2, warnings=REFUSED).replace(
        "[WARN]", "\x1b[33m[WARN]\x1b[0m"
    )
    coloured = coloured.replace("[INFO]", "\x1b[1;32m[INFO]\x1b[0m").replace(
        "Counters:", "Counters:\x1b[m"
    )
    found = stats.parse(coloured)
    assert found.reasons == ("could not read from it: Unauthenticated",)
    assert (found["requests"], found.errors) == (3, 1)


def test_executions_are_told_if_there_were_any() -> None:
    executed = "  remote_execution_requests: 5\n  remote_execution_success: 4\n"

    assert "executed" not in stats.render(stats.parse(log(cached=1)))
    assert "executed remotely: 4 of 5 asked for; executed here: 0" in stats.render(
        stats.parse(log(cached=1) + executed)
    )
