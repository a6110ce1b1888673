"""Python mutants before their unit tests, through a process that forks for each (judge.py)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from nexus.mutation.change import Mutant
from nexus.mutation.graph import SOURCE_ROOT, dependent_tests, importers
from nexus.mutation.tree import Tree
from nexus.mutation.verdict import Fate, Verdict

# A changed program may compute longer; this much longer it is taken for one that never ends.
CPU_FACTOR: Final = 5.0
CPU_SECONDS: Final = 3.0
# Of a processor, for a file of tests that is run without a change: the slowest take some seconds.
_CLEAN_SECONDS_MAX: Final = 300.0


class PythonJudge:
    """Judges mutants of Python; a context manager, since it owns a process."""

    def __init__(self, tree: Tree, python: Path, cpu_seconds_max: float) -> None:
        """`cpu_seconds_max` bounds the tests of one mutant, as they take without a change."""
        self._tree = tree
        self._cpu_seconds_max = cpu_seconds_max
        self._imported_by = importers(tree.read_all(SOURCE_ROOT.rstrip("/"), ".py"))
        self._cpu: dict[str, float] = {}
        self._skip: dict[str, list[str]] = {}
        # Files that were run together without a change.
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
        """Run the tests that depend on the mutant's file, nearest first, until one fails."""
        try:
            compile(mutant.after, mutant.change.path, "exec")
        except (SyntaxError, ValueError):
            return Verdict(mutant, Fate.INVALID)
        available = dependent_tests(mutant.change.path, self._imported_by)
        tried = 0
        spent = 0.0
        for batch in self._batches(available):
            answer = self._try(mutant, batch)
            while answer["failed"] and self._fails_as_it_is(batch, answer["failed"][0]):
                answer = self._try(mutant, batch)
            tried += answer["ran"]
            spent += sum(answer["cpu"].values())
            if answer["failed"]:
                fate = Fate.KILLED if answer["how"] == "failed" else Fate.TIMEOUT
                by = answer["failed"][0]
                return Verdict(
                    mutant, fate, by, tried=tried, available=len(available), seconds=spent
                )
        by = available[0] if available else ""
        return Verdict(
            mutant, Fate.SURVIVED, by, tried=tried, available=len(available), seconds=spent
        )

    def _batches(self, tests: list[str]) -> Iterator[list[str]]:
        """Group the nearest tests whose time is within the bound: one, then two, then four.

        The first one is run in any case.  A test's time is found when its group is.
        """
        spent = 0.0
        size = 1
        batch: list[str] = []
        for test in tests:
            self._measure(test)
            if test not in self._cpu:
                continue
            if spent and spent + self._cpu[test] > self._cpu_seconds_max:
                break
            spent += self._cpu[test]
            batch.append(test)
            if len(batch) == size:
                yield batch
                size *= 2
                batch = []
        if batch:
            yield batch

    def _try(self, mutant: Mutant, tests: list[str]) -> dict[str, Any]:
        job = {
            "tests": [[test, CPU_FACTOR * self._cpu[test] + CPU_SECONDS] for test in tests],
            "skip": [name for test in tests for name in self._skip[test]],
            "is_first": True,
        }
        with self._tree.changed(mutant.change.path, mutant.after):
            return self._ask(job)

    def _fails_as_it_is(self, batch: list[str], failed: str) -> bool:
        """Whether a test fails without a change, where those before it in the batch ran.

        Each file was measured by itself.  What fails so is left out from then on.
        """
        key = tuple(batch)
        if key in self._steady or failed in batch:
            return False
        job = {
            "tests": [[test, _CLEAN_SECONDS_MAX] for test in batch],
            "skip": [name for test in batch for name in self._skip[test]],
            "is_first": False,
        }
        unsteady = [name for name in self._ask(job)["failed"] if name not in batch]
        self._steady.add(key)
        for name in unsteady:
            print(f"left out: {name} fails without a change, behind others", flush=True)
            self._skip[name.partition("::")[0]].append(name)
        return failed in unsteady

    def _measure(self, test: str) -> None:
        """Run a test without a change: how long it takes, and what needs more than Python."""
        if test in self._skip:
            return
        answer = self._ask({"tests": [[test, _CLEAN_SECONDS_MAX]], "skip": [], "is_first": False})
        self._skip[test] = answer["failed"]
        if answer["how"] != "timeout" and test not in answer["failed"]:
            self._cpu[test] = answer["cpu"][test]

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
