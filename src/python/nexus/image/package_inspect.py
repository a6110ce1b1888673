"""Show what is in a package image.

    python -m nexus.image.package_inspect packages.img [--json]

Exit codes: 0; 1 the file is not a good image; 20 it could not be read, or the command line is
wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from nexus.core.commandline import EXIT_CONFIG, CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.image.package_file import load_image
from nexus.image.package_image import PackageImage, PackageImageError

EXIT_BAD: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Print one line a file, or one JSON document."""
    parser = CommandLine("nexus pkg inspect", "Show what is in a package image.")
    parser.add_argument("image", type=Path, help="a package image")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    try:
        options = parser.parse_args(arguments)
        image = load_image(options.image)
    except NexusError as exc:
        return fail(exc, EXIT_BAD if isinstance(exc, PackageImageError) else EXIT_CONFIG)
    sys.stdout.write(_as_json(image) if options.json else _as_text(image))
    return 0


def _as_text(image: PackageImage) -> str:
    lines = [f"{entry.size:>10}  {entry.name}" for entry in image.entries]
    total = sum(entry.size for entry in image.entries)
    bundles = {(entry.bundle, entry.version) for entry in image.entries}
    lines.append(f"{total:>10}  bytes in {len(image.entries)} files of {len(bundles)} bundles")
    # A name is UTF-8 and may hold control characters, which a terminal must not obey.
    return "".join(f"{_printable(line)}\n" for line in lines)


def _as_json(image: PackageImage) -> str:
    return json.dumps({"files": [asdict(entry) for entry in image.entries]}, indent=2) + "\n"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


if __name__ == "__main__":
    run_program(main)
