"""A document whose commands can be run: what it tells a reader to type, and what comes of it.

A code block of the kind `console` holds commands after `$ `, and below each the lines that it
prints.  Pure: text in, steps out.

    $ ./pants test ::                   a command; `\\` at the end carries on in the next line
    ✓ guest:ping succeeded in ...       a line of its output; `...` stands for any text
    ...                                 any number of lines
    $ false                 # exits with 1

Of the output only the lines shown are looked for, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.errors import NexusError

BLOCK: Final = "```console"
END: Final = "```"
PROMPT: Final = "$ "
ANY: Final = "..."

_EXIT: Final = re.compile(r"\s+# exits with (\d+)$")


class DocumentError(NexusError):
    """A code block is not as it must be."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a document."""

    line: int
    command: str
    exit_code: int
    expected: tuple[str, ...]


def parse(text: str) -> list[Step]:
    """Read the commands of a document.

    Raises:
        DocumentError: there are none, or a block does not begin with one or does not end.
    """
    steps: list[Step] = []
    for number, block in _blocks(text):
        steps.extend(_steps(number, block))
    if not steps:
        raise DocumentError(f"there is no command; accepted are {BLOCK} blocks with {PROMPT!r}")
    return steps


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each block, with the number of its first line."""
    block: list[str] | None = None
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if block is None:
            if line.strip() == BLOCK:
                block, start = [], number + 1
        elif line.strip() == END:
            yield start, block
            block = None
        else:
            block.append(line)
    if block is not None:
        raise DocumentError(f"line {start}: the block does not end")


def _steps(number: int, block: Sequence[str]) -> Iterator[Step]:
    index = 0
    while index < len(block):
        start = index
        if not block[start].startswith(PROMPT):
            raise DocumentError(f"line {number}: the block does not begin with {PROMPT!r}")
        words = [block[index].removeprefix(PROMPT)]
        while words[-1].endswith("\\") and index + 1 < len(block):
            index += 1
            words.append(block[index])
        command = "\n".join(words)
        index += 1
        output = []
        while index < len(block) and not block[index].startswith(PROMPT):
            output.append(block[index])
            index += 1
        ending = _EXIT.search(command)
        yield Step(
            line=number + start,
            command=_EXIT.sub("", command),
            exit_code=int(ending[1]) if ending else 0,
            expected=tuple(line for line in output if line.strip() not in ("", ANY)),
        )


def find_missing(expected: Sequence[str], output: str) -> str | None:
    """The first expected line that the output does not have, behind those before it."""
    lines = iter(output.splitlines())
    for wanted in expected:
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.strip().split(ANY)))
        if not any(pattern.fullmatch(line.strip()) for line in lines):
            return wanted
    return None
