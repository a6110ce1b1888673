"""The files that are changed, and the places: paths of a user, lines that a commit changed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from nexus.mutation.change import Change
from nexus.mutation.python_operators import python_changes
from nexus.mutation.tree import Tree
from nexus.mutation.zig_operators import zig_changes

# Files without tests of their own: tests, their stand-ins, and their scenes.
_NOT_JUDGED: Final = re.compile(
    r"(?:_test|_fake|_cases|_scene|_support|conftest)\.(?:py|zig)$|/fuzz/|/os_fake/"
    r"|/scene/\w+_(?:node|peer)\.py$"
)
_HUNK: Final = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


class SourcesError(Exception):
    """A path or a commit that cannot be used; one line that names it."""


def files_of(tree: Tree, paths: Iterable[str]) -> list[str]:
    """List the files that paths name, below the repository's root."""
    found: set[str] = set()
    for given in paths:
        path = (tree.root / given).resolve()
        if not path.is_relative_to(tree.root.resolve()) or not path.exists():
            raise SourcesError(f"{given}: there is no such file or folder in the repository")
        among = [path] if path.is_file() else sorted(path.rglob("*"))
        names = (str(file.relative_to(tree.root.resolve())) for file in among)
        wanted = {name for name in names if _is_judged(name)}
        if not wanted:
            raise SourcesError(
                f"{given}: has no Python or zig to change (tests are left alone);"
                " name something else in src/python or src/guest"
            )
        found |= wanted
    return sorted(found)


def changes_of(tree: Tree, files: Sequence[str]) -> Iterator[Change]:
    """List every change of every file."""
    for name in files:
        text = (tree.root / name).read_text(encoding="utf-8")
        yield from (zig_changes if name.endswith(".zig") else python_changes)(name, text)


def lines_since(repository: Path, commit: str, paths: Sequence[str]) -> dict[str, list[range]]:
    """List the lines that differ from a commit's, by file, as they are in the working tree."""
    command = ["git", "diff", "--unified=0", "--no-renames", "--no-color", "--no-ext-diff"]
    names = _git(repository, [*command, "--name-only", "-z", commit, "--", *paths], commit)
    result: dict[str, list[range]] = {}
    for name in names.split("\0"):
        if name and _is_judged(name) and (repository / name).is_file():
            hunks = _git(repository, [*command, commit, "--", name], commit)
            result[name] = [
                range(int(match[1]), int(match[1]) + int(match[2] or 1))
                for match in _HUNK.finditer(hunks)
            ]
    return result


def parent_of_head(repository: Path) -> str | None:
    """Name the commit before the last one, or say that this clone has none."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD~1"]
    done = subprocess.run(command, cwd=repository, capture_output=True, check=False)
    return done.stdout.decode().strip() or None


def _git(repository: Path, command: Sequence[str], commit: str) -> str:
    done = subprocess.run(command, cwd=repository, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="backslashreplace").strip().splitlines()
        raise SourcesError(
            f"--since {commit}: git knows no such commit in this clone ({said[0] if said else ''})"
        )
    return done.stdout.decode(errors="surrogateescape")


def _is_judged(name: str) -> bool:
    is_source = name.startswith("src/python/") and name.endswith(".py")
    is_guest = name.startswith("src/guest/") and name.endswith(".zig")
    return (is_source or is_guest) and _NOT_JUDGED.search(name) is None
