"""The fate of a process whose runner fails: tried elsewhere, or the client's to read."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.rpc import code_pb2

from nexus.remotecache import executing
from nexus.remotecache.executing import Runner
from nexus.remotecache.reporting import Outcome

LINK = 'Error executing command: Output path "inputs/out" is not a file or directory: st_mode == 4'
OUTSIDE = "The `working_directory` path in `Command` is outside of input root"


def run(folder: Path, text: str, ending: str, seconds: int) -> tuple[int, str, list[str]]:
    """Run an action with a runner that says something and ends: code, reason, machine's faults."""
    faults: list[str] = []
    code = f"import os, sys, time; print({text!r}, flush=True); {ending}"
    program = [sys.executable, "-c", code]
    runner = Runner(folder, program, "me", lambda reason, _is_ours: faults.append(reason))
    action = messages.Action()
    action.timeout.seconds = seconds
    outcome = runner.run("a#1", action)
    assert outcome.result is None
    assert runner.ended == set()
    return outcome.code, outcome.failure, faults


@pytest.mark.parametrize(
    ("text", "ending", "seconds", "wanted"),
    [
        ("", "sys.exit(142)", 7, code_pb2.DEADLINE_EXCEEDED),
        ("", "sys.exit(142)", 0, code_pb2.DEADLINE_EXCEEDED),
        ("", "os.kill(os.getpid(), 9)", 7, code_pb2.UNAVAILABLE),
        (LINK, "sys.exit(1)", 0, code_pb2.FAILED_PRECONDITION),
        (OUTSIDE, "sys.exit(1)", 0, code_pb2.FAILED_PRECONDITION),
        ("No space left on device", "sys.exit(1)", 0, code_pb2.UNAVAILABLE),
        ("", "sys.exit(0)", 0, code_pb2.UNAVAILABLE),
    ],
)
def test_what_every_machine_would_come_to_is_not_tried_again(
    text: str, ending: str, seconds: int, wanted: int, tmp_path: Path
) -> None:
    seen, reason, faults = run(tmp_path, text, ending, seconds)
    assert seen == wanted
    assert text in reason
    # Only what may be the machine's keeps it from taking more.
    assert bool(faults) is (wanted == code_pb2.UNAVAILABLE)


def test_a_process_that_takes_too_long_says_how_long_it_had(tmp_path: Path) -> None:
    assert run(tmp_path, "", "sys.exit(142)", 7)[1] == "it took longer than its 7 s"


def test_a_runner_that_does_not_end_by_itself_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "OVERTIME_SECONDS", -0.9)
    seen, reason, faults = run(tmp_path, "", "time.sleep(1000)", 1)
    assert (seen, reason, faults) == (
        code_pb2.DEADLINE_EXCEEDED,
        "it took longer than its 1 s",
        [],
    )


@pytest.mark.parametrize(
    "ending",
    [
        "print('x' * 2000, flush=True); time.sleep(1000)",
        "open(os.environ['TMPDIR'] + '/said', 'w').write('x' * 2000); time.sleep(1000)",
    ],
    ids=["the runner", "its process"],
)
def test_one_that_says_too_much_is_ended(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "EXECUTION_SAID_BYTES_MAX", 1000)
    monkeypatch.setattr(executing, "LOOK_SECONDS", 0.01)
    assert run(tmp_path, "", ending, 0) == (
        code_pb2.FAILED_PRECONDITION,
        "it wrote more than 1000 bytes to its output and its errors",
        [],
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [500, 501])
def test_what_one_has_said_is_counted_at_its_end(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "EXECUTION_SAID_BYTES_MAX", 1000)
    result = messages.ActionResult()
    result.stdout_digest.size_bytes = 500
    result.stderr_digest.size_bytes = size
    code = f"import sys; open(sys.argv[-1][16:], 'wb').write({result.SerializeToString()!r})"
    program = [sys.executable, "-c", code]
    runner = Runner(tmp_path, program, "me", lambda reason, _is_ours: pytest.fail(reason))
    outcome = runner.run("a#1", messages.Action())
    assert (outcome.result is None) is (size > 500)
    assert outcome.failure == (
        "" if size == 500 else "it wrote more than 1000 bytes to its output and its errors"
    )


# A runner that starts a process, says so by a file, and waits; told to end, it does so or not.
WAITING = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, {handler})
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
place = pathlib.Path({place!r})
place.with_suffix(".new").write_text(str(child.pid))
place.with_suffix(".new").rename(place)
time.sleep(1000)
"""
PATIENCE_SECONDS = 60.0


def until(is_so: Callable[[], bool], future: Future[Outcome]) -> None:
    """Wait for a moment that comes before the end of a run, or fail."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert not future.done(), future.result()
        assert time.monotonic() < latest
        os.sched_yield()


def until_gone(process: int) -> None:
    """Wait for the end of a process, or fail."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while not is_gone(process):
        assert time.monotonic() < latest
        os.sched_yield()


def late_kills() -> Iterator[threading.Timer]:
    """The timers of those that were told to end."""
    return (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))


def end_one(folder: Path, handler: str) -> int:
    """Tell a runner in the middle to end, and wait until all that comes of it is over: its child.

    The names of processes are compared by what `/proc` says of them, so that none that is gone is
    asked.
    """
    place = folder / "started"
    code = WAITING.format(handler=handler, place=str(place))
    runner = Runner(folder, [sys.executable, "-c", code], "me", lambda _reason, _is_ours: None)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(runner.run, "a#1", messages.Action())
        until(place.exists, future)
        child = int(place.read_text())
        runner.end("a#1")
        timers = list(late_kills())
        assert future.result(PATIENCE_SECONDS).code == code_pb2.UNAVAILABLE
    for timer in timers:
        timer.join(PATIENCE_SECONDS)
    return child


def is_gone(process: int) -> bool:
    """Whether a process has ended; one whose end was not asked for is a zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("handler", ["lambda *_: sys.exit(7)", "signal.SIG_IGN"])
def test_one_that_is_told_to_end_leaves_nothing_whether_it_obeys_or_not(
    handler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "KILL_SECONDS", 0.2)
    until_gone(end_one(tmp_path, handler))


def test_no_number_is_killed_that_may_be_another_process_s_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned: list[bool] = []
    kill_group = os.killpg

    def killpg(group: int, number: int) -> None:
        # Until its parent has asked how a process ended, its number is kept for it.
        owned.append(Path(f"/proc/{group}").exists())
        kill_group(group, number)

    monkeypatch.setattr(os, "killpg", killpg)
    monkeypatch.setattr(executing, "KILL_SECONDS", 1.0)
    end_one(tmp_path, "lambda *_: sys.exit(7)")
    assert owned == [True]
