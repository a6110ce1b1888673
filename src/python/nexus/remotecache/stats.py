"""A run's counters and warnings about the shared cache, and a verdict on them.

Pure.  The counters are those that `[stats] log = true` prints at the end of a run; a log may hold
several runs, whose counters are added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

COUNTERS_BEGIN = re.compile(r"\[INFO\] Counters:$")
COUNTER = re.compile(r"^  ([a-z_]+): (\d+)$")

# `WARN` lines of the cache client start like this; what follows is the reason.
WARNING = re.compile(
    r"\[WARN\] Failed to (read from|write to) remote cache \((\d+) occurrences so far\): (.*)$"
)

# A sequence that colours words on a terminal: Pants writes no other control sequence into a log.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# A warning is repeated with rising counts; these many different reasons are worth showing.
REASONS_MAX = 10


class NoCountersError(Exception):
    """The log holds no counters, so nothing can be said."""


@dataclass(frozen=True)
class CacheStats:
    """Sums over the runs of one log."""

    counters: Mapping[str, int]
    reasons: tuple[str, ...]

    def __getitem__(self, name: str) -> int:
        """A counter; zero if this Pants has none of that name."""
        return self.counters.get(f"remote_cache_{name}", 0)

    @property
    def errors(self) -> int:
        return self["read_errors"] + self["write_errors"] + self["request_timeouts"]


def parse(log: str) -> CacheStats:
    """Read a log.

    Raises:
        NoCountersError: `[stats] log` was off, or the run broke off.
    """
    counters: dict[str, int] = {}
    reasons: dict[str, None] = {}
    in_counters = False
    for line in COLOUR.sub("", log).splitlines():
        if COUNTERS_BEGIN.search(line):
            in_counters = True
        elif in_counters and (found := COUNTER.match(line)):
            counters[found[1]] = counters.get(found[1], 0) + int(found[2])
        else:
            in_counters = False
        if (warned := WARNING.search(line)) and len(reasons) < REASONS_MAX:
            reasons[f"could not {warned[1]} it: {warned[3]}"] = None
    if not counters:
        raise NoCountersError("no counters: set [stats] log, and let the run end by itself")
    return CacheStats(counters, tuple(reasons))


def complaints(stats: CacheStats, *, all_found: bool, found_min: int) -> list[str]:
    """List the reasons why the cache did not serve as it should; empty if it did."""
    said = []
    if stats["requests"] == 0:
        said.append(
            "the cache was not asked: it is not configured, or everything was found locally"
        )
    if stats.errors:
        said.append(
            f"{stats['read_errors']} failed to read, {stats['write_errors']} failed to write, "
            f"{stats['request_timeouts']} took too long"
        )
    missed = stats["requests_uncached"] + stats["read_errors"] + stats["request_timeouts"]
    if all_found and missed:
        said.append(
            f"{missed} of {stats['requests']} processes were not found; expected to find all"
        )
    if stats["requests_cached"] < found_min:
        said.append(
            f"{stats['requests_cached']} processes were found; expected at least {found_min}"
        )
    return said


def render(stats: CacheStats) -> str:
    """The report, for people."""
    lines = [
        f"asked for {stats['requests']} processes: {stats['requests_cached']} found, "
        f"{stats['requests_uncached']} not found, {stats['read_errors']} errors, "
        f"{stats['request_timeouts']} timeouts",
        f"wrote {stats['write_successes']} of {stats['write_attempts']}, "
        f"{stats['write_errors']} errors",
        f"time saved, as the first to run them measured: {stats['total_time_saved_ms']} ms",
    ]
    if stats["speculation_local_completed_first"]:
        lines.append(
            f"{stats['speculation_local_completed_first']} ended here before the cache answered"
        )
    if executed := stats.counters.get("remote_execution_requests", 0):
        succeeded = stats.counters.get("remote_execution_success", 0)
        here = stats.counters.get("local_execution_requests", 0)
        lines.append(
            f"executed remotely: {succeeded} of {executed} asked for; executed here: {here}"
        )
    lines += [f"reason: {reason}" for reason in stats.reasons]
    return "\n".join(lines) + "\n"
