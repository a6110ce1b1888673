"""One process of a client, in a sandbox: inputs from the local store, outputs into it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.rpc import code_pb2

from nexus.remotecache.reporting import Outcome
from nexus.remotecache.settings import EXECUTION_SAID_BYTES_MAX, EXECUTION_SECONDS_MAX

# The part of a failed runner's output that is kept.
SAID_BYTES_MAX: Final = 2000

# The runner ends a process that takes longer than its action allows; this is for a runner that
# does not.
OVERTIME_SECONDS: Final = 60

# Between two looks at how much a process has said.
LOOK_SECONDS: Final = 0.5

# A runner that was told to end needs a moment to end its sandbox.
KILL_SECONDS: Final = 5.0

# How the runner of the locked wheel ends when a process takes longer than its action allows: a
# shell's number for SIGALRM.  We say the same of one that we had to kill for that; another end by a
# signal, such as by a kernel without memory, is this machine's alone.
TIME_IS_OVER: Final = 128 + signal.SIGALRM
# And for SIGXFSZ: of one that we had to kill for what it said.
SAID_TOO_MUCH: Final = 128 + signal.SIGXFSZ

# The runner's words for outputs that it cannot hand over: a link, a pipe, a path that leads out.
# It would say so on every machine.
OF_PROCESSES: Final = (
    "is not a file or directory: st_mode",
    "is outside of input root",
    "has leading or trailing slashes",
)

# A process whose end would be lost shall end with us.  A program says so to the kernel, since
# this process has threads, in which nothing may run between fork and exec.
LAST_WISH: Final = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


class Runner:
    """Starts the runner of buildbox for each action."""

    def __init__(
        self, folder: Path, program: Sequence[str], name: str, failed: Callable[[str, bool], None]
    ) -> None:
        """Take a folder for small files, the runner's command, our name, and a failure's hearer."""
        self.folder = folder
        self.program = tuple(program)
        self.name = name
        self.failed = failed
        self.lock = threading.Lock()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: set[str] = set()

    def run(self, name: str, action: messages.Action) -> Outcome:
        """Run one action to its end."""
        try:
            return self.attempt(name, action)
        except OSError as exc:
            # No room, no process, no memory: another machine may do better.
            reason = f"{exc.filename or 'this machine'}: {exc.strerror}"
            self.failed(reason, True)
            return Outcome(None, reason)
        finally:
            with self.lock:
                self.ended.discard(name)

    def attempt(self, name: str, action: messages.Action) -> Outcome:
        """Run one action, if this machine lets us."""
        began = datetime.now(UTC)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            asked, answered = Path(folder, "action"), Path(folder, "result")
            # Those are for the scheduler; the runner would refuse some of them.
            action.ClearField("platform")
            asked.write_bytes(action.SerializeToString())
            argv = [*self.program, f"--action={asked}", f"--action-result={answered}"]
            code, said = self.start(name, argv, action.timeout.seconds, Path(folder))
            if code or not answered.is_file():
                reason = f"the runner ended with {code}: {said.strip()[-SAID_BYTES_MAX:]}"
                with self.lock:
                    told = name in self.ended
                verdict = judged(code, reason, action.timeout.seconds)
                if not told and verdict.code == code_pb2.UNAVAILABLE:
                    self.failed(reason, False)
                return verdict
            result = messages.ActionResult.FromString(answered.read_bytes())
        if (
            result.stdout_digest.size_bytes + result.stderr_digest.size_bytes
            > EXECUTION_SAID_BYTES_MAX
        ):
            # It ended between two looks.
            return judged(SAID_TOO_MUCH, "", 0)
        result.execution_metadata.worker = self.name
        result.execution_metadata.worker_start_timestamp.FromDatetime(began)
        result.execution_metadata.worker_completed_timestamp.FromDatetime(datetime.now(UTC))
        return Outcome(result)

    def start(self, name: str, argv: Sequence[str], seconds: int, place: Path) -> tuple[int, str]:
        """Start the runner and wait for it; what its process says is in files in that place.

        What it says itself is kept in memory: a disk that is full is one of the things it may say.
        """
        limit = min(seconds or EXECUTION_SECONDS_MAX, EXECUTION_SECONDS_MAX) + OVERTIME_SECONDS
        with os.fdopen(os.memfd_create("runner"), "w+b", buffering=0) as said:
            with self.lock:
                if name in self.ended:
                    return 1, "ended before it began"
                process = subprocess.Popen(
                    [*LAST_WISH, *argv],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "TMPDIR": os.fspath(place)},
                    start_new_session=True,
                )
                self.running[name] = process
            try:
                early = watch(process, limit, lambda: size_of(said.fileno(), place))
            finally:
                with self.lock:
                    del self.running[name]
                # Its number is its own until here, where we ask how it ended.
                kill(process)
                code = process.wait()
            said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES_MAX))
            return early or code, said.read().decode(errors="replace")

    def end(self, name: str) -> None:
        """End an action that is not wanted any more; the runner ends its sandbox with it."""
        with self.lock:
            if name in self.ended:
                return
            self.ended.add(name)
            process = self.running.get(name)
            if process is None:
                return
            # Not by a method of the process: these ask how it ended, and its number is free then.
            os.kill(process.pid, signal.SIGTERM)
        late = threading.Timer(KILL_SECONDS, self.kill_late, (name, process))
        late.daemon = True
        late.start()

    def kill_late(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """End one that was told to end, unless it has; its number may be another's by now."""
        with self.lock:
            if self.running.get(name) is process:
                kill(process)


def watch(process: subprocess.Popen[bytes], seconds: float, said: Callable[[], int]) -> int:
    """Wait for the end of a process, and leave its number to it; the reason to end it before."""
    deadline = time.monotonic() + seconds
    descriptor = os.pidfd_open(process.pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if ended.poll(min(left, LOOK_SECONDS) * 1000):
                return 0
            if said() > EXECUTION_SAID_BYTES_MAX:
                return SAID_TOO_MUCH
        return TIME_IS_OVER
    finally:
        os.close(descriptor)


def size_of(descriptor: int, place: Path) -> int:
    """Count the bytes of an open file, and of the files in a folder; those come and go."""
    total = os.fstat(descriptor).st_size
    with os.scandir(place) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def judged(code: int, reason: str, seconds: int) -> Outcome:
    """Judge a failure of the runner: the machine's, or the process's own on every machine."""
    if code == TIME_IS_OVER:
        return Outcome(
            None,
            f"it took longer than its {seconds or EXECUTION_SECONDS_MAX} s",
            code_pb2.DEADLINE_EXCEEDED,
        )
    if code == SAID_TOO_MUCH:
        return Outcome(
            None,
            f"it wrote more than {EXECUTION_SAID_BYTES_MAX} bytes to its output and its errors",
            code_pb2.FAILED_PRECONDITION,
        )
    if any(text in reason for text in OF_PROCESSES):
        return Outcome(None, reason, code_pb2.FAILED_PRECONDITION)
    return Outcome(None, reason)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started, while its number is still its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
