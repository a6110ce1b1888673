"""Python mutants before their unit tests, through a process that forks for each (judge.py)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nexus.mutation.change import Mutant
from nexus.mutation.graph import SOURCE_ROOT, dependent_tests, importers
from nexus.mutation.job import Answer, Job
from nexus.mutation.remembered import Remembered
from nexus.mutation.touched import Code, Measured, codes_at, function_of, measured_of
from nexus.mutation.tree import Tree
from nexus.mutation.verdict import Fate, Verdict

# A changed program may compute longer; this much longer it is taken for one that never ends.
CPU_FACTOR: Final = 5.0
CPU_SECONDS: Final = 3.0
# Files are looked at, nearest first, until their tests take this many times what may be run: of
# many tests few call the function that is changed.
LOOKED_FACTOR: Final = 8.0
# A test that takes more than this share of the bound waits for the quick ones of other files.
SLOW_SHARE: Final = 0.1


class PythonJudge:
    """Judges mutants of Python; a context manager, since it owns a process."""

    def __init__(self, tree: Tree, python: Path, cpu_seconds_max: float, measured: Path) -> None:
        """`cpu_seconds_max` bounds the tests of one mutant, as they take without a change.

        What is measured is kept in the folder `measured`.
        """
        self._tree = tree
        self._cpu_seconds_max = cpu_seconds_max
        files = tree.read_all(SOURCE_ROOT.rstrip("/"), ".py")
        self._imported_by = importers(files)
        settings = tree.read_all(".", "pytest.ini")
        self._remembered = Remembered(measured, files | settings, self._imported_by)
        self._measured: dict[str, Measured] = {}
        self._broken: set[str] = set()  # Files that cannot be run even without a change.
        # Tests that fail without a change behind others, and orders in which none of them does.
        self._unsteady: set[str] = set()
        self._steady: set[tuple[str, ...]] = set()
        environment = dict(os.environ, CI="true", PYTHONPATH=str(tree.root / SOURCE_ROOT))
        self._process = subprocess.Popen(
            [python, "src/python/nexus/mutation/judge.py"],
            cwd=tree.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def judge(self, mutant: Mutant) -> Verdict:
        """Run the tests that the mutant can concern, nearest and quick first, until one fails."""
        path = mutant.change.path
        try:
            compile(mutant.after, path, "exec")
        except (SyntaxError, ValueError):
            return Verdict(mutant, Fate.INVALID)
        available = dependent_tests(path, self._imported_by)
        codes = codes_at(path, mutant.before, mutant.change.line)
        files: set[str] = set()
        spent = 0.0
        for batch in self._batches(available, codes):
            answer = self._try(mutant, batch)
            while answer["failed"] and self._fails_as_it_is(batch, answer["failed"][0]):
                answer = self._try(mutant, batch)
            files.update(test.partition("::")[0] for test in answer["cpu"])
            spent += sum(answer["cpu"].values())
            if answer["failed"]:
                fate = Fate.KILLED if answer["how"] == "failed" else Fate.TIMEOUT
                by = answer["failed"][0]
                return Verdict(
                    mutant, fate, by, tried=len(files), available=len(available), seconds=spent
                )
        by = available[0] if available else ""
        if available and self._broken.issuperset(available):
            raise RuntimeError(
                f"{by}: fails without a change, and nothing else tests {path}; mend it first"
            )
        return Verdict(
            mutant, Fate.SURVIVED, by, tried=len(files), available=len(available), seconds=spent
        )

    def _batches(self, files: list[str], codes: frozenset[Code]) -> Iterator[list[str]]:
        """Group tests whose time is within the bound: of one file, then of two, then of four.

        First come quick tests that call what is changed, then slow ones, then what else is in
        their files.  Where nothing is called, because a module's own lines are changed, every test
        of every file counts as one that does.
        """
        left = self._cpu_seconds_max
        slow: list[str] = []
        others: list[str] = []
        batch: list[str] = []
        size, count = 1, 0
        for number, measured in enumerate(self._looked_at(files)):
            concerned = measured.concerned(codes) if codes else list(measured.cpu)
            quick = [t for t in concerned if measured.cpu[t] <= SLOW_SHARE * self._cpu_seconds_max]
            slow += [test for test in concerned if test not in quick]
            if not number or measured.is_near(codes):
                others += [test for test in measured.cpu if test not in concerned]
            batch += quick
            count += bool(quick)
            if count == size:
                left, within = self._within(left, batch)
                yield from within
                size, count, batch = 2 * size, 0, []
        for rest in (batch, slow, others):
            left, within = self._within(left, rest)
            yield from within

    def _looked_at(self, files: list[str]) -> Iterator[Measured]:
        seconds = 0.0
        for file in files:
            if seconds > LOOKED_FACTOR * self._cpu_seconds_max:
                return
            measured = self._measure(file)
            seconds += measured.seconds
            if measured.cpu:
                yield measured

    def _within(self, left: float, tests: list[str]) -> tuple[float, list[list[str]]]:
        """Keep the tests that still may run, as one batch, if there are any."""
        is_first = left == self._cpu_seconds_max
        kept: list[str] = []
        for test in tests:
            seconds = self._seconds(test)
            if seconds <= left or (is_first and not kept):
                left -= seconds
                kept.append(test)
        return left, [kept] if kept else []

    def _try(self, mutant: Mutant, tests: list[str]) -> Answer:
        with self._tree.changed(mutant.change.path, mutant.after):
            return self._run([test for test in tests if test not in self._unsteady])

    def _run(self, tests: list[str]) -> Answer:
        if not tests:
            return {"how": "passed", "failed": [], "cpu": {}}
        limits = [(test, CPU_FACTOR * self._seconds(test) + CPU_SECONDS) for test in tests]
        return self._ask({"tests": limits, "siblings": self._siblings(tests)})

    def _siblings(self, tests: list[str]) -> dict[str, str]:
        """Say of tests with parameters how the names of their function's other tests begin.

        Only of functions whose tests all pass without a change.
        """
        broken = set(map(function_of, self._unsteady))
        for file in {test.partition("::")[0] for test in tests}:
            broken |= self._measured[file].broken
        functions = {test: function_of(test) for test in tests if "[" in test}
        return {test: f"{name}[" for test, name in functions.items() if name not in broken}

    def _fails_as_it_is(self, batch: list[str], failed: str) -> bool:
        """Whether a test fails without a change, where those before it in the batch ran.

        Each was measured in the order of its own file.  What fails so is left out from then on.
        """
        if failed not in batch:  # A file that cannot be imported, and could be without a change.
            return False
        tests = [test for test in batch[: batch.index(failed) + 1] if test not in self._unsteady]
        if tuple(tests) in self._steady:
            return False
        unsteady = self._run(tests)["failed"]
        if not unsteady:
            self._steady.add(tuple(tests))
        for test in unsteady:
            print(f"left out: {test} fails without a change when it runs after others", flush=True)
            self._unsteady.add(test)
        return bool(unsteady)

    def _measure(self, file: str) -> Measured:
        """Run a file without a change, once: what its tests take, call, and which of them fail."""
        if file not in self._measured:
            answer = self._remembered.find(file)
            if answer is None:
                answer = self._ask({"measure": file})
                # A test may fail because this host is busy, and pass another time.
                if answer["how"] == "passed":
                    self._remembered.keep(file, answer)
            if file in answer["failed"]:
                print(f"left out: {file} fails without a change", flush=True)
                self._broken.add(file)
            self._measured[file] = measured_of(answer)
        return self._measured[file]

    def _seconds(self, test: str) -> float:
        return self._measured[test.partition("::")[0]].cpu[test]

    def _ask(self, job: Job) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: Answer = json.loads(self._process.stdout.readline())
        return answer
