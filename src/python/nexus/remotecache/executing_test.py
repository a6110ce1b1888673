"""The fate of a process whose runner fails: tried elsewhere, or the client's to read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.rpc import code_pb2

from nexus.remotecache import executing
from nexus.remotecache.executing import Runner

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
