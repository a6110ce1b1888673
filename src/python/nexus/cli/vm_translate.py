"""`nexus vm translate`: compile the code of guest images for `vm run --engine translated`.

The compiler is LLVM, which nothing else of this command needs and its PEX does not carry.  Where it
is installed, the program runs; elsewhere one line says how to get the file without it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from nexus.core.commandline import EXIT_CONFIG

# By name, so that this command is not built with what it can do without.
_PROGRAM: Final = "nexus.emulator.native.translate"
_OPTIONAL: Final = ("llvmlite", _PROGRAM, "nexus.emulator.native.build")

_ADVICE: Final = (
    "translating needs LLVM, which is not installed here ({missing}); in the repository run"
    " `./pants run src/python/nexus/emulator/native:translate -- --elf ELF --out FILE`,"
    " or package an `rv64_translation` target such as src/guest:translations"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    try:
        program = import_module(_PROGRAM)
    except ModuleNotFoundError as exc:
        if exc.name not in _OPTIONAL:
            raise
        print(f"error: {_ADVICE.format(missing=f'no {exc.name}')}", file=sys.stderr)
        return EXIT_CONFIG
    return int(program.main(argv))
