"""`nexus coverage lines`: which line each instruction of an image comes from, as `lines.json`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.world.program import run
from nexus.config.held_file import read_bytes
from nexus.core.commandline import CommandLine, named_paths
from nexus.core.text import show
from nexus.coverage.code import Part, parts_of
from nexus.coverage.dwarf import read_lines
from nexus.coverage.error import CoverageError
from nexus.coverage.lines import PartLines, render
from nexus.entry.program import run_program
from nexus.harness import artifacts


def main(arguments: Sequence[str]) -> int:
    """Read the twins, compare their code with that of the image, write their lines."""
    parser = CommandLine(
        "nexus coverage lines", "Write which line each instruction of an image comes from."
    )
    add = parser.add_argument
    add("--image", type=Path, required=True, metavar="ELF", help="the image that runs")
    add(
        "--twin",
        action="append",
        required=True,
        metavar="PART=ELF",
        help="a part compiled with debug information, such as kernel=kernel.elf; repeatable",
    )
    add("--root", default="", metavar="DIR", help="paths are relative to this folder")
    add("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    return run(parser, arguments, _write)


def _write(options: Namespace) -> None:
    what = show(str(options.image))
    parts = {part.name: part for part in parts_of(read_bytes(options.image), what)}
    twins = named_paths("--twin", options.twin, "PART=ELF, such as kernel=kernel.elf")
    found = [_lines_of(parts, name, path, options.root, what) for name, path in twins.items()]
    artifacts.write_all(options.out.parent, {options.out.name: render(found).encode()})


def _lines_of(parts: dict[str, Part], name: str, path: Path, root: str, image: str) -> PartLines:
    if name not in parts:
        raise CoverageError(f"--twin {name}: {image} has no such part; it has {', '.join(parts)}")
    elf, what = read_bytes(path), show(str(path))
    twin = parts_of(elf, what)[0]
    if twin.digest != parts[name].digest:
        raise CoverageError(
            f"--twin {name}: the code of {what} is not that of the part in {image}; "
            "compile both from the same sources, with the same options"
        )
    return read_lines(elf, parts[name], what, root)


if __name__ == "__main__":
    run_program(main)
