"""Runs tests of Python on a tree that changes between two runs: a job a line, a fork a job.

This file runs by itself, in an interpreter that has pytest and what the tests import: what is slow
to import is imported once, and each fork begins from there.  It must import nothing of `nexus`.

A job is JSON: `{"tests": [[FILE, CPU_SECONDS_MAX], ...], "skip": [TEST, ...], "is_first": BOOL}`.
The answer is `{"ran": N, "failed": [TEST, ...], "how": "passed"|"failed"|"timeout", "cpu":
{FILE: SECONDS}}`.  With `is_first` the job ends at the first test that fails.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
from typing import Any, Final

PRELOADED: Final = (
    "pytest",
    "hypothesis",
    "pydantic",
    "cryptography",
    "noise",
    "fsspec",
    "jsonschema",
)
# A test that waits instead of computing is stopped by the clock.  On a busy machine it may compute
# so slowly that it seems to wait, so it is stopped only if it used hardly any time of a processor;
# timers that go on while it waits do use some.
WALL_SECONDS: Final = 60.0
IDLE_CPU_SECONDS: Final = 1.5
MEMORY_BYTES_MAX: Final = 8 << 30


class Watch:
    """A plugin of pytest: skips what is not to run and remembers what failed."""

    def __init__(self, skip: frozenset[str]) -> None:
        """Skip tests by their identifiers, such as `a/b_test.py::test_c`."""
        self.skip = skip
        self.failed: list[str] = []

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Take out what is not to run."""
        items[:] = [item for item in items if item.nodeid not in self.skip]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember a test whose setup, call or teardown failed."""
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Remember a file that cannot be imported."""
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)


def main() -> None:
    """Answer jobs until the input ends."""
    sys.path.insert(0, os.path.join(os.getcwd(), "src", "python"))
    sys.path[:] = [
        entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))
    ]
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"ran": 0, "failed": [], "how": "passed", "cpu": {}}
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(job, writer)
    os.close(writer)
    _follow(job, child, reader, answer)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    return answer


def _follow(job: dict[str, Any], child: int, reader: int, answer: dict[str, Any]) -> None:
    """Read the events of a child: `[FILE, CPU, FAILED]` after each file."""
    rest = b""
    for path, _ in job["tests"]:
        while b"\n" not in rest:
            data = os.read(reader, 65536) if _waits_for(child, reader) else b""
            if not data:  # Silent for too long, or ended by a limit or a crash.
                answer["how"] = "timeout"
                answer["failed"].append(path)
                return
            rest += data
        line, _, rest = rest.partition(b"\n")
        _, cpu, failed = json.loads(line)
        answer["ran"] += 1
        answer["cpu"][path] = cpu
        answer["failed"] += failed
        if failed:
            answer["how"] = "failed"
            if job["is_first"]:
                return


def _waits_for(child: int, reader: int) -> bool:
    """Wait for an event, or its end; false if the child neither says anything nor computes."""
    while True:
        before = _cpu_of(child)
        ready, _, _ = select.select([reader], [], [], WALL_SECONDS)
        if ready:
            return True
        if _cpu_of(child) - before < IDLE_CPU_SECONDS:
            return False


def _cpu_of(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    # Of itself and of the processes that it has waited for.
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _work(job: dict[str, Any], writer: int) -> None:
    os.setsid()
    sink = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(sink, descriptor)
    sys.dont_write_bytecode = bool(job["is_first"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    skip = frozenset(job["skip"])
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    if job["is_first"]:
        options.append("-x")
    import pytest

    for path, cpu_max in job["tests"]:
        began = _cpu()
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(began + cpu_max) + 2, hard))
        watch = Watch(skip)
        try:
            code = int(pytest.main([*options, path], plugins=[watch]))
        except BaseException:  # The change made even the runner fail.
            code = 3
        if code not in (0, 5) and not watch.failed:
            watch.failed.append(path)
        event = json.dumps([path, _cpu() - began, watch.failed])
        os.write(writer, event.encode() + b"\n")
        if watch.failed and job["is_first"]:
            break
    os._exit(0)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
