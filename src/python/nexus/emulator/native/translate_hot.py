"""`python -m nexus.emulator.native.translate_hot WORK`: translate the pages that a run found hot.

WORK is a file of `io/translation_cache.py`; the translations appear beside it, one file a page, and
it disappears.  Runs in the background, so it is the last to get a processor, and alone: a second
translator leaves its work undone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.emulator.io.translation_cache import name_for, path_of, read_work, trim
from nexus.emulator.native.build import compiler
from nexus.emulator.native.processor import X86_64, host
from nexus.emulator.native.region import sweep
from nexus.emulator.native.translate import translate_page
from nexus.emulator.native.translation import key_of, pack
from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import EXIT_CONFIG, run_program

_NICE: Final = 19


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = ArgumentParser("translate_hot", "Translate pages that a run found hot.")
    parser.add_argument("work", type=Path, help="the pages")
    work: Path = parser.parse_args(argv).work
    if name_for(compiler()) != work.parent.name:
        work.unlink(missing_ok=True)  # No interpreter of that name would run what we make.
        return EXIT_CONFIG
    os.nice(_NICE)
    try:
        with (work.parent / "lock").open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0  # A page that stays hot is asked for again.
            _translate(work)
            trim(work.parent.parent)
            for abandoned in work.parent.glob("work-*"):
                abandoned.unlink(missing_ok=True)
    finally:
        work.unlink(missing_ok=True)
    return 0


def _translate(work: Path) -> None:
    """Make the files that are missing, one for each page."""
    processor = host() or X86_64  # A host that samples has generated code.
    for content, offset in read_work(work):
        path = path_of(work.parent, content)
        if path.exists():
            continue
        # The first two bytes may be the end of an instruction on the page before.
        start = 0 if offset in sweep(content) else 2
        page = translate_page((content, start), processor)
        data = pack({key_of(content): page}, compiler(), processor)
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_bytes(data)
        unfinished.replace(path)


if __name__ == "__main__":
    run_program(main)
