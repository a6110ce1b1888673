"""`nexus vm translate`: compile the code of guest images for `vm run --engine translated`.

The compiler is LLVM, which nothing else of this command needs and its PEX does not carry.  Where it
is installed, the program runs; elsewhere one line says how to get the file without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, bounded, fail
from nexus.core.errors import UsageError

# By name, so that this command is not built with what it can do without.
_PROGRAM: Final = "nexus.emulator.native.translate"
_OPTIONAL: Final = ("llvmlite", _PROGRAM, "nexus.emulator.native.build")

_ADVICE: Final = (
    "translating needs LLVM, which is not installed here ({missing}); in the repository run"
    " `./pants run src/python/nexus/emulator/native:translate -- --elf ELF --out FILE`,"
    " or package an `rv64_translation` target such as src/guest:translations"
)

_PROCESSES_MAX: Final = 256


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    parser = CommandLine("nexus vm translate", "Compile the code of guest images, by LLVM.")
    parser.add_argument("--elf", type=Path, nargs="+", required=True, help="guest images")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where to write the translations"
    )
    parser.add_argument("--processes", metavar="N", help="default: one a processor")
    try:
        options = parser.parse_args(list(argv))
        bounded("--processes", options.processes, 1, _PROCESSES_MAX)
        program = import_module(_PROGRAM)
    except UsageError as exc:
        return fail(exc)
    except ModuleNotFoundError as exc:
        if exc.name not in _OPTIONAL:
            raise
        return fail(_ADVICE.format(missing=f"no {exc.name}"))
    return int(program.main(list(argv)))
