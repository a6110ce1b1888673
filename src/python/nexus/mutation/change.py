"""A possible change of one file: where it is, what it is called, and the text that it makes."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One operator at one place of a file; the changed text is made when it is asked for."""

    path: str  # Below the repository's root, with slashes.
    line: int  # From 1.
    column: int  # From 0.
    operator: str
    make: Callable[[], str]

    @property
    def name(self) -> str:
        """The change's name, the same in every run on the same text."""
        return f"{self.path}:{self.line}:{self.column}: {self.operator}"


@dataclass(frozen=True)
class Mutant:
    """A change with the text before and after it."""

    change: Change
    before: str
    after: str

    @property
    def lines(self) -> tuple[str, str]:
        """Return the changed lines before and after, stripped; lines are joined by a space."""
        removed: list[str] = []
        added: list[str] = []
        matcher = difflib.SequenceMatcher(
            None, self.before.splitlines(), self.after.splitlines(), autojunk=False
        )
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag != "equal":
                removed += self.before.splitlines()[i1:i2]
                added += self.after.splitlines()[j1:j2]
        return _joined(removed), _joined(added)

    def diff(self) -> str:
        """Show the change as a unified diff of the file."""
        return "".join(
            difflib.unified_diff(
                self.before.splitlines(keepends=True),
                self.after.splitlines(keepends=True),
                self.change.path,
                self.change.path,
                n=2,
            )
        )


def _joined(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines).strip()


def draw(
    changes: Iterable[Change], seed: int, count: int | None, *, is_every: bool = False
) -> list[Change]:
    """Draw lines, then one change of each, so that a line of many operators counts once.

    `count` limits the number of lines; all of them if it is `None`.  The order is that of the
    draw: a smaller sample of the same seed is the beginning of a larger one.  With `is_every` the
    other changes of these lines follow, so that nothing is left to chance.
    """
    by_line: dict[tuple[str, int], list[Change]] = {}
    for change in changes:
        by_line.setdefault((change.path, change.line), []).append(change)
    lines = sorted(by_line, key=lambda line: _rank(seed, f"{line[0]}:{line[1]}"))[:count]
    ranked = [sorted(by_line[line], key=lambda change: _rank(seed, change.name)) for line in lines]
    drawn = [of_line[0] for of_line in ranked]
    return [*drawn, *(other for of_line in ranked for other in of_line[1:])] if is_every else drawn


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()


def only_on(changes: Iterable[Change], lines: Mapping[str, Sequence[range]]) -> list[Change]:
    """Keep the changes on the given lines of each file."""
    return [
        change
        for change in changes
        if any(change.line in among for among in lines.get(change.path, ()))
    ]
