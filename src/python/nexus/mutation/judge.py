"""Runs tests of Python on a tree that changes between two runs: a job a line, a fork a job.

This file runs by itself, in an interpreter that has pytest and what the tests import: what is slow
to import is imported once, and each fork begins from there.  It must import nothing of `nexus`: a
fork would have the module from before a change.

Each line of input is a job and each line of output its answer; `job.py` describes both.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:  # It must import nothing of `nexus` when it runs.
    from nexus.mutation.job import Answer, Calls, Job

PRELOADED: Final = (
    "_hypothesis_pytestplugin",
    "asyncio",
    "cryptography",
    "fsspec",
    "hypothesis",
    "hypothesis.stateful",
    "jsonschema",
    "noise",
    "pydantic",
    "unittest.mock",
)
# Where warnings are errors: pytest cannot rewrite the asserts of a plugin that was imported before.
_PRELOADED_QUIETLY: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
# A test that waits is stopped by the clock, unless it used more of a processor than the timers do
# that go on meanwhile: on a busy machine a test that computes may seem to wait.
WALL_SECONDS: Final = 30.0
IDLE_CPU_SECONDS: Final = 0.75
MEMORY_BYTES_MAX: Final = 8 << 30
# Processor time of a test without a change, of which the slowest take some seconds, and of all that
# is done before the first test of a job.
CLEAN_CPU_SECONDS: Final = 300.0
# A test that called nothing new in so many calls is not looked at any longer: looking costs more.
QUIET_CALLS: Final = 300_000
STARTING: Final = ("os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen")

# An event: its name, a test, and what is to be said of it.
Event = list[object]
Write = Callable[[Event], None]


class Watch:
    """A plugin of pytest: says when each test begins and ends, and what failed."""

    def __init__(self, write: Write, limits: dict[str, float], siblings: dict[str, str]) -> None:
        """With `limits` only these tests run, in this order, each with its seconds at most."""
        self._write = write
        self._limits = limits
        self._siblings = siblings
        self._failed = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is asked for, and the siblings of what is gone."""
        if self._limits:
            order = {test: at for at, test in enumerate(self._limits)}
            gone = order.keys() - {item.nodeid for item in items}
            begin = tuple(self._siblings[test] for test in gone if test in self._siblings)
            kept = [it for it in items if it.nodeid in order or it.nodeid.startswith(begin)]
            items[:] = sorted(kept, key=lambda item: order.get(item.nodeid, len(order)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Bound a test's time and take it."""
        test = item.nodeid
        self._write(["begin", test])
        self._failed = False
        began = _cpu()
        limit_cpu(self._limits.get(test, max(self._limits.values(), default=CLEAN_CPU_SECONDS)))
        try:
            return (yield)
        finally:
            limit_cpu(CLEAN_CPU_SECONDS)
            self._write(["end", test, _cpu() - began, self._failed])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a test whose setup, call or teardown failed."""
        self._failed = self._failed or report.failed

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Say which file cannot be imported."""
        if report.failed:
            self._write(["failed", report.nodeid])


class Touched:
    """A plugin of pytest: which functions of the sources each test calls."""

    def __init__(self, root: str) -> None:
        """Nothing was called yet; `root` is the folder of the sources, with a slash behind."""
        self._root = root
        self._codes: dict[tuple[str, int], int] = {}
        self._before: list[int] | None = None
        self._touched: dict[str, list[int]] = {}
        self._starters: list[str] = []
        self._begin()
        sys.addaudithook(self._hear)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note what a test calls, its fixtures included."""
        self._end_collection()
        self._begin()
        try:
            return (yield)
        finally:
            self._touched[item.nodeid] = self._numbers()
            if self._is_starter:
                self._starters.append(item.nodeid)

    def calls(self) -> Calls:
        """End the tracing and give what was called."""
        sys.settrace(None)
        before = self._end_collection()
        return {
            "codes": list(self._codes),
            "before": before,
            "touched": self._touched,
            "starters": self._starters,
        }

    def _begin(self) -> None:
        self._now: dict[int, CodeType] = {}
        self._left = QUIET_CALLS
        self._is_starter = False
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _end_collection(self) -> list[int]:
        if self._before is None:
            self._before = self._numbers()
        return self._before

    def _trace(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if id(code) not in self._now:
            self._now[id(code)] = code
            self._left = QUIET_CALLS
        elif self._left > 0:
            self._left -= 1
        else:
            sys.settrace(None)

    def _hear(self, event: str, arguments: object) -> None:
        if event in STARTING:
            self._is_starter = True

    def _numbers(self) -> list[int]:
        places = {
            (code.co_filename.removeprefix(self._root), code.co_firstlineno)
            for code in list(self._now.values())
            if code.co_filename.startswith(self._root)
        }
        return sorted(self._codes.setdefault(place, len(self._codes)) for place in places)


def main() -> None:
    """Answer jobs until the input ends."""
    sys.path.insert(0, os.path.join(os.getcwd(), "src", "python"))
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # pytest collects garbage at its end, five times; not among all this.
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


def _run(job: Job) -> Answer:
    answer: Answer = {"how": "passed", "failed": [], "cpu": {}}
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reader)
        _work(job, writer)
    os.close(writer)
    _follow(job, child, reader, answer)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    return answer


def _follow(job: Job, child: int, reader: int, answer: Answer) -> None:
    """Read the events of a child into the answer."""
    at = job["measure"] if "measure" in job else job["tests"][0][0]
    rest = b""
    while True:
        while b"\n" not in rest:
            data = os.read(reader, 1 << 20) if _waits_for(child, reader) else b""
            if not data:  # Silent for too long, or ended by a limit or a crash.
                answer["how"] = "timeout"
                answer["failed"].append(at)
                return
            rest += data
        line, _, rest = rest.partition(b"\n")
        event, *values = json.loads(line)
        if event == "over":
            answer.update(values[0])
            return
        at = values[0]
        if event == "end":
            answer["cpu"][at] = values[1]
        if event == "failed" or (event == "end" and values[2]):
            answer["how"] = "failed"
            answer["failed"].append(at)
            if "tests" in job:
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
    # The time of the process and of those that it has waited for.
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _work(job: Job, writer: int) -> None:
    os.setsid()
    sink = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(sink, descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    limit_cpu(CLEAN_CPU_SECONDS)

    def write(event: Event) -> None:
        data = json.dumps(event).encode() + b"\n"
        while data:
            data = data[os.write(writer, data) :]

    options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *_PRELOADED_QUIETLY]
    if "measure" in job:
        touched = Touched(os.getcwd() + "/")
        _run_pytest([*options, job["measure"]], [Watch(write, {}, {}), touched], write)
        write(["over", touched.calls()])
    else:
        sys.dont_write_bytecode = True
        limits = dict(job["tests"])
        files = list(dict.fromkeys(test.partition("::")[0] for test in limits))
        _run_pytest(["-x", *options, *files], [Watch(write, limits, job["siblings"])], write)
        write(["over", {}])
    os._exit(0)


def _run_pytest(arguments: list[str], plugins: list[object], write: Write) -> None:
    try:
        code = int(pytest.main(arguments, plugins=plugins))
    except BaseException:  # The change made even the runner fail.
        code = 3
    # 1: a test failed; 5: none was found; what else went wrong no test has said.
    if code not in (0, 1, 5):
        write(["failed", arguments[-1]])


def limit_cpu(seconds: float) -> None:
    """End this process when it has used so much more of a processor."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(_cpu() + seconds) + 1, hard))


def _cpu() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


if __name__ == "__main__":
    main()
