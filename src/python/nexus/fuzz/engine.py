"""Runs one target under atheris, which is libFuzzer for Python, in a process of its own.

libFuzzer ends the process it runs in, so each target gets a fork; its output goes to a file, from
which the result is read.  The import of everything under test happens here, because atheris
counts coverage only in modules that it saw being imported.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

from nexus.core.errors import NexusError

# Longer inputs say nothing new: every parser here has its limits tested by name.
_INPUT_BYTES_MAX: Final = 4096
_INPUT_SECONDS_MAX: Final = 10
_MEMORY_MIB_MAX: Final = 2048

_DONE: Final = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+)")
_FAILED: Final = "failed-"
_EXCEPTION: Final = "exception"
_FRAMES_SHOWN: Final = -6  # The innermost ones.
EXIT_EXCEPTION: Final = 77


class EngineError(NexusError):
    """The fuzzer cannot run."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one run: inputs tried, edges reached, and at most one input that failed."""

    runs: int
    edges: int
    failed: bytes | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The length of a search, its seed, and the folders of inputs."""

    seconds: int
    seed: int
    inputs: Path
    scratch: Path


class Fuzzer(Protocol):
    """The search itself, by atheris's own names; the library publishes no types."""

    def Setup(self, arguments: list[str], run: Callable[[bytes], None], /) -> object:
        """Take libFuzzer's arguments, and the function that is called with each input."""
        ...

    def Fuzz(self) -> None:
        """Search; this ends the process."""


class Atheris(Fuzzer, Protocol):
    """The module, which also counts what is executed."""

    def instrument_imports(self, include: Sequence[str]) -> AbstractContextManager[object]:
        """Count in these packages, where they are imported in the context."""
        ...


def load_atheris() -> Atheris:
    """Import the fuzzer, which only `ci:fuzz` brings along."""
    try:
        atheris: Atheris = importlib.import_module("atheris")
    except ImportError as exc:
        raise EngineError(f"atheris: {exc}; run ./pants run ci:fuzz") from exc
    return atheris


def load_catalogue(atheris: Atheris) -> ModuleType:
    """Import the targets, and with them all that they test, counted."""
    with (
        redirect_stderr(io.StringIO()),  # It names every module.
        atheris.instrument_imports(include=["nexus"]),
    ):
        from nexus.fuzz import catalogue
    return catalogue


def fuzz(atheris: Fuzzer, run: Callable[[bytes], None], plan: Plan) -> Result:
    """Fuzz one function until its time is over or it fails."""
    log = plan.scratch / "log"
    arguments = [
        "fuzz",
        f"-max_total_time={plan.seconds}",
        f"-seed={plan.seed}",
        f"-max_len={_INPUT_BYTES_MAX}",
        f"-timeout={_INPUT_SECONDS_MAX}",
        f"-rss_limit_mb={_MEMORY_MIB_MAX}",
        f"-artifact_prefix={plan.scratch}/{_FAILED}",
        str(plan.inputs),
    ]
    sys.stdout.flush()  # Text that still waits would be written twice.
    child = os.fork()
    if child == 0:
        _run_child(atheris, run, arguments, log)
    _, status = os.waitpid(child, 0)
    return _read_result(os.waitstatus_to_exitcode(status), log, plan.scratch)


def _run_child(
    atheris: Fuzzer, run: Callable[[bytes], None], arguments: list[str], log: Path
) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)

    def run_one(data: bytes) -> None:
        try:
            run(data)
        except BaseException:  # Every one is a finding, an exit or an interrupt too.
            (log.parent / _EXCEPTION).write_text(traceback.format_exc(_FRAMES_SHOWN))
            (log.parent / f"{_FAILED}exception").write_bytes(data)
            os._exit(EXIT_EXCEPTION)

    try:
        atheris.Setup(arguments, run_one)
        atheris.Fuzz()
    except SystemExit as exc:
        os._exit(exc.code if isinstance(exc.code, int) and 0 <= exc.code < 256 else 2)
    except BaseException as exc:  # It must not go on in the parent's code.
        os.write(2, f"engine: {exc!r}\n".encode())
        os._exit(2)
    os._exit(0)


def _read_result(code: int, log: Path, scratch: Path) -> Result:
    text = log.read_text(encoding="utf-8", errors="replace")
    failed = sorted(scratch.glob(f"{_FAILED}*"))
    if failed:
        trace = scratch / _EXCEPTION
        found = trace.read_text(encoding="utf-8") if trace.exists() else _complaint(text)
        return Result(0, 0, failed[0].read_bytes(), found.rstrip())
    done = _DONE.search(text)
    if code != 0 or done is None:
        last = text.strip().splitlines()[-1:] or ["no output"]
        raise EngineError(f"the fuzzer ended with {code} and kept no input: {last[0][:200]}")
    return Result(int(done[1]), int(done[2]))


def _complaint(text: str) -> str:
    """Say what libFuzzer found by itself: a hang, or memory without end."""
    return next((line for line in text.splitlines() if "ERROR: libFuzzer" in line), "no report")
