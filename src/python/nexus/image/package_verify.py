"""Verify a package image: its structure, and every file that a `contents.txt` describes.

    python -m nexus.image.package_verify packages.img

Exit codes: 0 all is well; 1 the file is not a good image, or a file in it is not as its bundle's
listing says; 20 it could not be read, or the command line is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.image.package import contents_line
from nexus.image.package_file import load_image
from nexus.image.package_image import PackageImage, PackageImageError
from nexus.image.package_inspect import EXIT_BAD
from nexus.image.package_manifest import CONTENTS


def find_problems(image: PackageImage) -> Iterator[str]:
    """Compare every listing with the files of its bundle."""
    for listing in image.entries:
        if listing.path != CONTENTS:
            continue
        # At line feeds only: a path may hold every other line end that Unicode knows.
        lines = image.read(listing).decode(errors="backslashreplace").split("\n")
        described = [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
        bundle = f"{listing.bundle}@{listing.version}"
        present = [
            contents_line(entry.path, image.read(entry))
            for entry in image.entries
            if (entry.bundle, entry.version) == (listing.bundle, listing.version)
            and entry.path != CONTENTS
        ]
        for line in sorted(set(described) - set(present)):
            yield f"{bundle}: the listing has a line that the image contradicts: {line.rstrip()!r}"
        for line in sorted(set(present) - set(described)):
            yield f"{bundle}: the image has a file that the listing lacks: {line.rstrip()!r}"


def main(arguments: Sequence[str]) -> int:
    """Say nothing and return 0, or say each problem in a line."""
    parser = CommandLine("nexus pkg verify", "Verify a package image.")
    parser.add_argument("image", type=Path, help="a package image")
    try:
        problems = list(find_problems(load_image(parser.parse_args(arguments).image)))
    except PackageImageError as exc:
        problems = [str(exc)]
    except NexusError as exc:
        return fail(exc)
    return fail("\n".join(problems), EXIT_BAD) if problems else 0


if __name__ == "__main__":
    run_program(main)
