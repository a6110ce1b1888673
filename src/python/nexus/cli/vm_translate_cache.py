"""`nexus vm run --translate-cache`: what one run finds hot, a process behind it translates.

The run itself never waits for a compiler, and gives the same bytes with and without translations.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from nexus.core.errors import UsageError
from nexus.emulator.io.translation_cache import TranslationCache
from nexus.emulator.native.blob import BlobError, unpack

_PROGRAM: Final = "nexus.emulator.native.translate_hot"


def open_cache(folder: Path, blob: bytes) -> TranslationCache:
    """The translations that fit a native interpreter.

    Raises:
        UsageError: The interpreter is none, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--translate-cache: {folder}: is a file; expected a folder")
    try:
        return TranslationCache(folder, unpack(blob).compiler)
    except BlobError as error:
        raise UsageError(f"--native-blob: {error}") from error


def start_translator(cache: TranslationCache) -> None:
    """Translate what was hot and missing in a process of its own, which outlives this one."""
    if not cache.missing():
        return
    if importlib.util.find_spec("llvmlite") is None or importlib.util.find_spec(_PROGRAM) is None:
        print(
            "nexus vm run: --translate-cache: nothing is translated for later runs: LLVM"
            " (llvmlite) is not installed here",
            file=sys.stderr,
        )
        return
    try:
        work = cache.write_work()
    except OSError as error:
        print(f"nexus vm run: --translate-cache: {cache.folder}: {error.strerror}", file=sys.stderr)
        return
    if work is None:
        return
    subprocess.Popen(
        [sys.executable, "-m", _PROGRAM, str(work)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
