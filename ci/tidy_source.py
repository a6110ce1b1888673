"""The sources that the rules of `tidy.py` look at, and their findings."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
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

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> Iterable[ast.AST]:
        """The nodes of a file of Python, parsed once for all rules.

        Raises:
            SyntaxError, ValueError: the text is not Python; Python 3.11 has the second of them
                where later ones have the first.
        """
        return list(ast.walk(ast.parse(self.text)))


@dataclass(frozen=True)
class Finding:
    """One broken habit: where, and what is wanted instead."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"
