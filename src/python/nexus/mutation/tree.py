"""A copy of the repository in which files are changed, so that a user's own tree never is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

# Python and zig take a file for unchanged if its time and size are: no two texts of a file may
# share a time, in whole seconds.
_TIME_UNCHANGED: Final = 1_000_000_000
_GENERATOR: Final = "src/python/nexus/schema/develop.py"
_times: Final = count(_TIME_UNCHANGED + 1)


@dataclass(frozen=True)
class Tree:
    """The copy's root."""

    root: Path

    def read_all(self, folder: str, *suffixes: str) -> dict[str, str]:
        """Read the files of a folder, by path below the root."""
        return {
            str(path.relative_to(self.root)): path.read_text(encoding="utf-8")
            for path in sorted((self.root / folder).rglob("*"))
            if path.name.endswith(suffixes) and path.is_file()
        }

    def copy(self, target: Path) -> Tree:
        """Copy all of it, for a second judge, which changes it too."""
        return Tree(Path(shutil.copytree(self.root, target, symlinks=True)))

    @contextmanager
    def changed(self, path: str, text: str) -> Iterator[None]:
        """Give a file another text for the time of a block."""
        target = self.root / path
        before = target.read_bytes()
        try:
            self._write(target, text.encode(), next(_times))
            yield
        finally:
            self._write(target, before, _TIME_UNCHANGED)

    def _write(self, target: Path, data: bytes, seconds: int) -> None:
        target.write_bytes(data)
        os.utime(target, (seconds, seconds))


def generate(tree: Tree, python: Path) -> None:
    """Generate into the copy what Pants generates for builds and tests."""
    if (tree.root / _GENERATOR).is_file():
        # A PEX reads no PYTHONPATH.
        program = (
            "import runpy, sys; sys.path.insert(0, 'src/python');"
            " runpy.run_module('nexus.schema.develop', run_name='__main__')"
        )
        command = [str(python), "-c", program]
        subprocess.run(command, cwd=tree.root, check=True, stdout=sys.stderr)


def copy_tree(repository: Path, target: Path) -> Tree:
    """Copy what git knows of, and files that are new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in listed.decode().split("\0"):
        source = repository / name
        if not name or not source.is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target / name)
        os.utime(target / name, (_TIME_UNCHANGED, _TIME_UNCHANGED))
    return Tree(target)
