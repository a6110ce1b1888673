"""The release's `compilers.pex`: `translate`, with the LLVM of the Python that runs it.

A release has no LLVM of its own: a target `rv64_translation` gives it the one of its lock.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

from nexus.entry.program import EXIT_HOST, run_program

_LLVM: Final = "llvmlite"


def main(argv: list[str]) -> int:
    """Translate, if LLVM is here; 21 if it is not."""
    if find_spec(_LLVM) is None:
        sys.stderr.write(
            f"error: {_LLVM} is not installed for {sys.executable}, and this program needs it;"
            " a target `rv64_translation` takes it from a lock\n"
        )
        return EXIT_HOST
    from nexus.emulator.native import translate  # It imports LLVM.

    return translate.main(argv)


if __name__ == "__main__":
    run_program(main)
