"""Writes what is generated into the working tree, for tools that are run without Pants.

    python -m nexus.schema.develop

Python goes to src/python/nexus/contract, zig to schemas/contract; git and Pants ignore both.  A
conftest does this before tests, so that plain pytest finds what Pants would generate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import run_program

ROOT: Final = Path(__file__).parents[4]
_STAMP: Final = "generated.sha256"


def refresh(root: Path = ROOT) -> bool:
    """Generate what is missing or of other schemas; say whether there was anything to do."""
    schemas = sorted((root / "schemas").glob("*.capnp"))
    stamp = root / "schemas/contract" / _STAMP
    digest = _digest([*schemas, *sorted(Path(__file__).parent.glob("*.[pz]*"))])
    if not schemas or (stamp.is_file() and stamp.read_text() == digest):
        return False
    # Imported here: where everything is there already, neither is needed.
    from nexus.schema import generate

    generate.generate(schemas, root / "src/python/nexus/contract", root / "schemas/contract")
    stamp.write_text(digest)
    return True


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Refresh, and say so."""
    ArgumentParser("nexus.schema.develop", __doc__.split("\n")[0]).parse_args(arguments)
    print("generated" if refresh() else "up to date")
    return 0


if __name__ == "__main__":
    run_program(main)
