"""`python -m nexus.emulator.native.translate_hot WORK`: translate the pages that a run found hot.

WORK is a file of `io/translation_cache.py`; the translations appear beside it, one file a page, and
it disappears.  Runs in the background, so it is the last to get a processor.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from nexus.emulator.io.translation_cache import path_of, read_work
from nexus.emulator.native.build import compiler
from nexus.emulator.native.region import sweep
from nexus.emulator.native.translate import translate_page
from nexus.emulator.native.translation import key_of, pack
from nexus.entry.program import run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Translate pages that a run found hot.")
    parser.add_argument("work", type=Path, help="the pages")
    work = parser.parse_args(argv).work
    os.nice(19)
    try:
        for content, offset in read_work(work):
            path = path_of(work.parent, content)
            if path.exists():
                continue
            # The first two bytes may be the end of an instruction on the page before.
            start = 0 if offset in sweep(content) else 2
            data = pack({key_of(content): translate_page((content, start))}, compiler())
            path.parent.mkdir(exist_ok=True)
            unfinished = path.with_name(f"{path.name}.{os.getpid()}")
            unfinished.write_bytes(data)
            unfinished.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            work.unlink()
    return 0


if __name__ == "__main__":
    run_program(main)
