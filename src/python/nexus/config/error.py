"""What is wrong with a configuration: a list of problems, one line each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.errors import NexusError
from nexus.core.text import printable

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

# A longer value says no more to a reader, and a whole table would fill the screen.
_VALUE_CHARS_MAX = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is and what is accepted instead.

    `source` is the place it stands in, if that is another than the file being read.
    """

    field: str
    text: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


class ConfigError(NexusError):
    """A file cannot be used; every line of the text names it, the field and the bad value."""

    def __init__(
        self, source: str, problems: Sequence[Problem], others: Sequence[ConfigError] = ()
    ) -> None:
        """Collect the problems of one file, and those of the files it names."""
        self.source = source
        self.problems = tuple(problems)
        lines = [line for other in others for line in str(other).split("\n")]
        lines += [printable(f"{problem.source or source}: {problem}") for problem in self.problems]
        # What several machines share is wrong once.
        super().__init__("\n".join(dict.fromkeys(lines)))


def show_key(key: str) -> str:
    """Print a key in one line: as it is if it is a plain one, else quoted."""
    return key if _PLAIN_KEY.fullmatch(key) else show(key)


def show(value: object) -> str:
    """Print a value in one short line."""
    text = repr(value)
    return text if len(text) <= _VALUE_CHARS_MAX else text[: _VALUE_CHARS_MAX - 1] + "…"
