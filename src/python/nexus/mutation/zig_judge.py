"""Zig mutants before their unit tests: compiled with a runner that stops at the first failure."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from nexus.mutation.change import Mutant
from nexus.mutation.tree import Tree
from nexus.mutation.verdict import Fate, Verdict
from nexus.mutation.zig_graph import Modules, Program

# The sources, and where modules are generated from schemas.
ZIG_FOLDERS: Final = ("src/guest", "schemas")
_RUNNER: Final = "src/python/nexus/mutation/runner.zig"
_BEGIN: Final = re.compile(r"^begin (\d+)$", re.MULTILINE)
_TIME: Final = re.compile(r"^(\d+) (\d+)$", re.MULTILINE)
# Compiling takes seconds, or minutes on a busy host; a compiler that hangs must end.
_COMPILE_SECONDS_MAX: Final = 1200
# Compiling costs more than running: a file that every service has in it is not compiled into all of
# their tests.
_PROGRAMS_MAX: Final = 6
# A changed program may compute longer; this much longer it is taken for one that never ends.
_CPU_SECONDS: Final = 5.0
_CPU_FACTOR: Final = 5.0
# One that waits instead of computing is stopped by the clock; machines may be busy.
_WALL_FACTOR: Final = 20.0


class ZigJudge:
    """Judges mutants of zig."""

    def __init__(self, tree: Tree, zig: tuple[str, ...], scratch: Path, seconds_max: float) -> None:
        """`zig` is the command of the compiler; `seconds_max` bounds one mutant's tests."""
        self._tree = tree
        self._zig = zig
        self._scratch = scratch
        self._seconds_max = seconds_max
        texts = [tree.read_all(folder, ".zig", "BUILD") for folder in ZIG_FOLDERS]
        self._modules = Modules({path: text for each in texts for path, text in each.items()})
        self._names: dict[str, list[str]] = {}
        self._seconds: dict[str, list[float]] = {}
        # Tests that fail without a change when others ran before them: they say nothing here.
        self._unsteady: dict[str, set[int]] = {}
        self._in_text_order: set[str] = set()
        self._steady_orders: set[tuple[str, tuple[int, ...]]] = set()

    def judge(self, mutant: Mutant) -> Verdict:
        """Run the tests of the nearest modules that have the file in them, until one fails.

        The nearest module comes first, and others while the time is within the bound.
        """
        path = mutant.change.path
        programs = self._modules.programs_of(path)[:_PROGRAMS_MAX]
        left = self._seconds_max
        tried = available = 0
        began = time.monotonic()
        for program in programs:
            self._measure(program)
            available += len(self._names[program.name])
            fate, count, by = Fate.SURVIVED, 0, ""
            with self._tree.changed(path, mutant.after):
                if self._order(program, path, left) and not self._compile(program):
                    return Verdict(mutant, Fate.INVALID, available=available)
            while order := self._order(program, path, left):
                fate, count, by = self._run(program, order, self._binary(program))
                if fate is Fate.SURVIVED or self._passes_as_it_is(program, order[:count]):
                    break
            else:
                continue
            left -= sum(self._seconds[program.name][at] for at in order)
            tried += count
            if fate is not Fate.SURVIVED:
                seconds = time.monotonic() - began
                return Verdict(mutant, fate, by, tried=tried, available=available, seconds=seconds)
            if left <= 0:
                break
        seconds = time.monotonic() - began
        by = self._nearest(programs[0], path) if programs else ""
        return Verdict(mutant, Fate.SURVIVED, by, tried=tried, available=available, seconds=seconds)

    def _nearest(self, program: Program, path: str) -> str:
        order = self._order(program, path, self._seconds_max)
        return f"{program.name}: {self._names[program.name][order[0]]}" if order else program.name

    def _measure(self, program: Program) -> None:
        """Compile and run a test program without a change."""
        if program.name in self._names:
            return
        if not self._compile(program):
            raise RuntimeError(
                f"{program.name}: its tests do not compile without a change; mend them first"
            )
        listed = subprocess.run(
            [self._binary(program), "--list"], check=True, stderr=subprocess.PIPE, text=True
        )
        names = listed.stderr.splitlines()
        numbers = [str(number) for number in range(len(names))]
        run = subprocess.run(
            [self._binary(program), *numbers],
            stderr=subprocess.PIPE,
            cwd=self._tree.root,
            check=False,
        )
        output = run.stderr.decode(errors="replace")
        if run.returncode != 0:
            raise RuntimeError(f"{program.name}: its tests fail without a change; mend them first")
        shutil.copy(self._binary(program), self._clean_binary(program))
        self._names[program.name] = names
        seconds = [0.0] * len(names)
        for match in _TIME.finditer(output):
            seconds[int(match[1])] = int(match[2]) / 1e9
        self._seconds[program.name] = seconds

    def _passes_as_it_is(self, program: Program, order: list[int]) -> bool:
        """Say whether these tests pass in this order without a change: the last one has failed.

        Where they do not, the order is that of the text from then on, in which they were measured;
        what fails even so, because of the tests that are not among them, is left out.
        """
        key = (program.name, tuple(order))
        if key in self._steady_orders:
            return True
        fate, count, by = self._run(program, order, self._clean_binary(program))
        if fate is Fate.SURVIVED:
            self._steady_orders.add(key)
            return True
        if program.name in self._in_text_order:
            print(f"left out: {by} fails without a change when the order is another", flush=True)
            self._unsteady.setdefault(program.name, set()).add(order[count - 1])
        self._in_text_order.add(program.name)
        return False

    def _order(self, program: Program, path: str, seconds_max: float) -> list[int]:
        """Order tests: those of the file's own name, then the quick ones, within the bound.

        The nearest module's first test is always among them.
        """
        stem = PurePosixPath(path).stem
        near = re.compile(rf"(?:^|\.){re.escape(stem)}(?:_\w+)?\.test[._]")
        names, seconds = self._names[program.name], self._seconds[program.name]
        unsteady = self._unsteady.get(program.name, set())
        order = sorted(
            (at for at in range(len(names)) if at not in unsteady),
            key=lambda at: (near.search(names[at]) is None, seconds[at]),
        )
        chosen: list[int] = []
        spent = 0.0
        for at in order:
            is_first = not chosen and not program.distance
            if not is_first and spent + seconds[at] > seconds_max:
                break
            chosen.append(at)
            spent += seconds[at]
        return sorted(chosen) if program.name in self._in_text_order else chosen

    def _run(self, program: Program, order: list[int], binary: str) -> tuple[Fate, int, str]:
        if not order:
            return Fate.SURVIVED, 0, ""
        names, seconds = self._names[program.name], self._seconds[program.name]
        limit = _CPU_SECONDS + _CPU_FACTOR * sum(seconds[at] for at in order)
        argv = [binary, *map(str, order)]
        try:
            run = subprocess.run(
                argv,
                stderr=subprocess.PIPE,
                cwd=self._tree.root,
                timeout=limit * _WALL_FACTOR,
                check=False,
                preexec_fn=partial(_limit_cpu, int(limit) + 1),
            )
        except subprocess.TimeoutExpired as expired:
            fate, begun = outcome_of(order, None, expired.stderr or b"")
        else:
            fate, begun = outcome_of(order, run.returncode, run.stderr)
        by = "" if fate is Fate.SURVIVED else f"{program.name}: {names[begun[-1]]}"
        return fate, len(begun), by

    def _compile(self, program: Program) -> bool:
        environment = dict(
            os.environ,
            ZIG_GLOBAL_CACHE_DIR=str(self._scratch / "zig"),
            ZIG_LOCAL_CACHE_DIR=str(self._scratch / "zig"),
        )
        argv = [
            *self._zig,
            "test",
            "-mcpu=baseline",
            "--test-no-exec",
            f"-femit-bin={self._binary(program)}",
            "--test-runner",
            _RUNNER,
            *program.argv,
        ]
        try:
            done = subprocess.run(
                argv,
                cwd=self._tree.root,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_COMPILE_SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _binary(self, program: Program) -> str:
        return str(self._scratch / f"tests-{program.name}")

    def _clean_binary(self, program: Program) -> str:
        return str(self._scratch / f"clean-{program.name}")


def outcome_of(order: list[int], returncode: int | None, output: bytes) -> tuple[Fate, list[int]]:
    """Say how a program of tests ended, and which tests had begun: the last one is to blame.

    Args:
        order: The tests that were to run, at least one.
        returncode: What it ended with; None if the clock stopped it.
        output: What it wrote. A program that ends before its first test has begun, because it
            cannot even start, counts as one whose first test failed.
    """
    begun = [int(number) for number in _BEGIN.findall(output.decode(errors="replace"))]
    if returncode == 0:
        return Fate.SURVIVED, begun
    is_stopped = returncode is None or returncode == -signal.SIGXCPU
    return Fate.TIMEOUT if is_stopped else Fate.KILLED, begun or order[:1]


def _limit_cpu(seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
