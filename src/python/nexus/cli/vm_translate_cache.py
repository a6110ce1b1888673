"""`nexus vm run --translate-cache`: what one run finds hot, a process behind it translates.

The run itself never waits for a compiler, and gives the same bytes with and without translations.
A run that names no folder has one where the host keeps caches, if a compiler is here, or was when
that folder was made: `auto` then uses what it finds there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from nexus.core.errors import UsageError
from nexus.core.record import dataclass, field
from nexus.emulator.io.translation_cache import TranslationCache
from nexus.emulator.native.blob import BlobError, unpack
from nexus.entry.beside import find_beside

_PROGRAM: Final = "nexus.emulator.native.translate_hot"
_LLVM: Final = "llvmlite"
# Beside a packaged program: a PEX with LLVM, or the release's, which takes the one of the host.
_WITH_LLVM: Final = "translate.pex"
_WITHOUT_LLVM: Final = "compilers.pex"
# A tenth of a second of the native engine: a shorter run gains less than its translator costs.
_WORTH_SLICES: Final = 500


@dataclass(frozen=True, slots=True)
class Translator:
    """Return the command of the program that translates; the work file comes last."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def find_translator() -> Translator | None:
    """The first translator that is here: in this Python, packaged, or packaged without LLVM."""
    if _is_importable(_LLVM) and _is_importable(_PROGRAM):
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return Translator((sys.executable, "-m", _PROGRAM), {"PYTHONPATH": path})
    packaged = find_beside(_WITH_LLVM)
    if packaged is not None:
        return Translator((sys.executable, str(packaged)), {"PEX_MODULE": _PROGRAM})
    from importlib.machinery import PathFinder

    packaged = find_beside(_WITHOUT_LLVM)
    folders = _folders_of_packages()
    if packaged is not None and PathFinder.find_spec(_LLVM, folders) is not None:
        settings = {"PEX_MODULE": _PROGRAM, "PEX_EXTRA_SYS_PATH": os.pathsep.join(folders)}
        return Translator((sys.executable, str(packaged)), settings)
    return None


def _is_importable(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # The package around it is missing, too.
        return False


def _folders_of_packages() -> list[str]:
    """Return the folders where the interpreter below this environment has its packages."""
    import sysconfig

    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    found = [
        sysconfig.get_path(kind, scheme, vars=base)
        for scheme in sysconfig.get_scheme_names()
        for kind in ("platlib", "purelib")
        if not scheme.endswith(("_user", "_home", "nt", "venv"))
    ]
    return [folder for folder in dict.fromkeys(found) if Path(folder).is_dir()]


def default_folder() -> Path | None:
    """Return the folder of translations for a run that names none.

    None if no compiler could fill that folder and none has, or if the host keeps no caches.
    """
    home = os.environ.get("HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    if not os.path.isabs(cache):
        return None
    folder = Path(cache) / "nexus" / "translations"
    return folder if folder.is_dir() or find_translator() is not None else None


def open_cache(folder: Path, blob: bytes) -> TranslationCache:
    """The translations that fit a native interpreter.

    Raises:
        UsageError: The interpreter is none, or the folder is a file.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"--translate-cache: {folder}: is a file; expected a folder")
    try:
        return TranslationCache(folder, unpack(blob).compiler)
    except BlobError as error:
        raise UsageError(f"--native-blob: {error}") from error


def start_translator(cache: TranslationCache, *, is_asked: bool) -> None:
    """Translate what was hot and missing in a process of its own, which outlives this one.

    A run that did not ask for it prints nothing about it, and leaves nothing to do if it was short.
    """
    if not cache.missing() or not (is_asked or cache.slices >= _WORTH_SLICES):
        return
    translator = find_translator()
    if translator is None:
        _say(is_asked, "nothing is translated for later runs: LLVM (llvmlite) is not installed")
        return
    try:
        work = cache.write_work()
    except OSError as error:
        _say(is_asked, f"{cache.folder}: {error.strerror}")
        return
    if work is None:
        return
    import subprocess  # With threads, selectors and signals: only a run that was long needs it.

    try:
        subprocess.Popen(
            [*translator.command, str(work)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**_environment(), **translator.environment},
        )
    except OSError as error:  # The run is over and was right: it does not fail for this.
        work.unlink(missing_ok=True)
        _say(is_asked, f"no translator can be started: {error.strerror}")


def _environment() -> dict[str, str]:
    """This process's, without what a packaged program's start keeps away from it, too."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lstrip("_").startswith(("PEX", "PYTHON"))
    }
    unpack_to = os.environ.get("NEXUS_UNPACK_TO")
    return kept | {"PEX_IGNORE_RCFILES": "1"} | ({"PEX_ROOT": unpack_to} if unpack_to else {})


def _say(is_asked: bool, message: str) -> None:
    if is_asked:
        print(f"nexus vm run: --translate-cache: {message}", file=sys.stderr)
