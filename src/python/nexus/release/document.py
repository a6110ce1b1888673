"""A document whose commands can be run: what a reader types, and what comes of it.

A code block of the kind `console` holds commands after `$ `, and below each the lines that it
prints.  Pure: text in, steps out.

    $ ./pants test ::                   a command; `\\` at the end carries on in the next line
    ✓ guest:ping succeeded in ...       a line of its output; `...` stands for any text
    ...                                 any number of lines
    $ false                 # exits with 1

Of the output only the lines shown are looked for, in their order.

A block of another kind that names a file, such as ```` ```toml bus.toml ````, is written to that
file.  A line `<!-- needs: qemu-system-riscv64 -->` says which program the commands need that
follow, up to the next heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nexus.core.errors import NexusError

BLOCK: Final = "```console"
END: Final = "```"
PROMPT: Final = "$ "
ANY: Final = "..."

_FILE: Final = re.compile(r"```[a-z]+ ([A-Za-z0-9_-]+\.[a-z]+)")
_NEEDS: Final = re.compile(r"<!-- needs: ([A-Za-z0-9_.-]+) -->")
_HEADING: Final = "#"
_END_OF_FILE: Final = "END-OF-FILE"
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
    needs: str | None = None  # A program that not every host has.


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines of a block, the first one's number, the file it is, the program it needs."""

    number: int
    lines: list[str]
    file: str | None
    needs: str | None


def parse(text: str) -> list[Step]:
    """Read the commands of a document, and the files that it shows.

    Raises:
        DocumentError: there are none, or a block does not begin with one or does not end.
    """
    steps: list[Step] = []
    for block in _blocks(text):
        if block.file is None:
            found = _steps(block.number, block.lines)
            steps.extend(replace(step, needs=block.needs) for step in found)
        else:
            steps.append(_writing(block, block.file))
    if not steps:
        raise DocumentError(f"there is no command; expected {BLOCK} blocks with {PROMPT!r}")
    return steps


def _blocks(text: str) -> Iterator[_Block]:
    """Each block that is followed."""
    block: _Block | None = None
    is_other = False
    needs = None
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.strip() == END:
                yield block
                block = None
            else:
                block.lines.append(line)
        elif is_other:
            is_other = line.strip() != END
        elif line.strip() == BLOCK or _FILE.fullmatch(line.strip()):
            file = _FILE.fullmatch(line.strip())
            block = _Block(number + 1, [], file[1] if file else None, needs)
        elif line.strip().startswith(END):
            is_other = True
        elif line.startswith(_HEADING):
            needs = None
        elif found := _NEEDS.fullmatch(line.strip()):
            needs = found[1]
    if block is not None:
        raise DocumentError(f"line {block.number}: the block does not end")


def _writing(block: _Block, file: str) -> Step:
    """Return the command that writes a file as it is shown."""
    text = "\n".join([*block.lines, _END_OF_FILE])
    return Step(block.number, f"cat > {file} <<'{_END_OF_FILE}'\n{text}", 0, (), block.needs)


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
