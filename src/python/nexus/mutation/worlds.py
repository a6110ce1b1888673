"""Survivors before everything else that depends on them: worlds, and tests that need artefacts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.mutation.change import Mutant
from nexus.mutation.tree import Tree

WORLD_TYPES: Final = "two_vm_test,guest_marker_test"
# The world that meets most of the guest comes first, alone.
FIRST: Final = "ci:os2vm_test"
_SECONDS_MAX: Final = 1800


class Worlds:
    """Pants in the copy of the repository."""

    def __init__(self, tree: Tree, *, is_first_only: bool = False) -> None:
        """Nothing runs until a mutant is judged; then one world, or all that have the file."""
        self._tree = tree
        self._is_first_only = is_first_only

    def noticing(self, mutant: Mutant, tests: Sequence[str]) -> str | None:
        """Name a target of Pants that notices the mutant, or return `None` if they all pass.

        `tests` are further targets to try, such as test files that need what Pants builds.

        Raises:
            RuntimeError: Pants itself failed, or nothing could be built to be tested.
        """
        path = mutant.change.path
        with self._tree.changed(path, mutant.after):
            # All of the guest is in this world, so nothing need be asked before.
            is_tried = self._is_first_only or path.startswith("src/guest/")
            if is_tried and (name := self._failing([FIRST])) is not None:
                return name
            if tests and (name := self._failing(tests)) is not None:
                return name
            if self._is_first_only:
                return None
            done = self._pants("dependents", "--transitive", path)
            if done.returncode != 0:
                raise _failure("dependents", done)
            others = [name for name in done.stdout.split() if not is_tried or name != FIRST]
            return self._failing(others, f"--filter-target-type={WORLD_TYPES}")

    def _failing(self, targets: Sequence[str], *options: str) -> str | None:
        if not targets:
            return None
        done = self._pants(*options, "test", *targets)
        if done.returncode == 0:
            return None
        failed = [line for line in done.stderr.splitlines() if line.startswith("✕")]
        if not failed:  # No test has said anything: this is not a verdict on the mutant.
            raise _failure("test", done)
        return failed[0].split()[1]

    def _pants(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: v for name, v in os.environ.items() if not name.startswith("PEX")}
        return subprocess.run(
            # A daemon may not start in time on a busy machine, and would outlive the copy.
            ["./pants", "--no-pantsd", "--no-dynamic-ui", "--no-colors", *arguments],
            cwd=self._tree.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )


def _failure(goal: str, done: subprocess.CompletedProcess[str]) -> RuntimeError:
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
    return RuntimeError(f"pants {goal}: exit code {done.returncode}: {''.join(last)}")


def export_tools(repository: Path) -> dict[str, Path]:
    """Have Pants lay out what the tests are run with; return the interpreter of each resolve."""
    resolves = ("nexus", "zig")
    options = [f"--resolve={name}" for name in resolves]
    command = ["./pants", "--no-pantsd", "--concurrent", "export", *options]
    subprocess.run(command, cwd=repository, check=True)
    found: dict[str, Path] = {}
    for name in resolves:
        # One folder for each version of Python that there ever was; the newest export counts.
        folder = repository / "dist/export/python/virtualenvs" / name
        versions = sorted(folder.glob("*/bin/python"), key=lambda path: path.lstat().st_mtime)
        if not versions:
            raise RuntimeError(f"{folder}: Pants exported no interpreter there")
        found[name] = versions[-1]
    return found
