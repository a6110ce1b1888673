"""What the rules of `tidy.py` look at, and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

# Modules that serve tests, by the end of their names.
TEST_SUPPORT: Final = ("_fake", "_cases", "_scene", "_support", "_test", "conftest")


@dataclass(frozen=True)
class Source:
    """One file: its path from the root of the project, and its text."""

    path: str
    text: str

    @property
    def is_test(self) -> bool:
        """Whether the file is a test or serves tests."""
        return PurePosixPath(self.path).stem.endswith(TEST_SUPPORT)


@dataclass(frozen=True)
class Finding:
    """One broken habit: where, and what is wanted instead."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"
