"""Inputs of the emulator's benchmark that were not given: made here, or by Pants.

Compiling takes LLVM.  Where it is importable it is used; else Pants, which brings its own, packages
interpreter, translator and guest images, so that one command without options measures everything.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexus.bench.emulator_settings import Settings
from nexus.bench.process import run

# Target, and what it becomes below `dist`.
INTERPRETER: Final = ("ci:interpreter", "ci/native-interpreter.bin")
_TRANSLATOR: Final = (
    "src/python/nexus/emulator/native:translate",
    "src.python.nexus.emulator.native/translate.pex",
)
IMAGES: Final = {
    "system": ("src/guest:system", "src.guest/system.elf"),
    "packages": ("testprojects/packages", "testprojects.packages/packages.img"),
}
_TRANSLATIONS: Final = ("src/guest:translations", "src.guest/translations.translations")

_PROGRAM: Final = ("src/python/nexus/cli:nexus", "src.python.nexus.cli/nexus.pex")

_NEVER_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def provide(settings: Settings, root: Path, say: Callable[[str], None]) -> Settings:
    """Fill in what is missing, as far as this host can."""
    if importlib.util.find_spec("llvmlite") is not None:
        blob = settings.native_blob or settings.folder / "native.bin"
        if settings.native_blob is None:
            run([sys.executable, "-m", "nexus.emulator.native.build", "--out", str(blob)])
        translator = (sys.executable, "-m", "nexus.emulator.native.translate")
        return replace(settings, native_blob=blob, translator=translator)
    if not (root / "pants").exists():
        say(f"{root}: no LLVM and no ./pants: --native-blob is used if given, nothing translated")
        return settings
    wanted = [INTERPRETER, _TRANSLATOR, _PROGRAM]
    if settings.workloads is None:
        wanted += [*IMAGES.values(), _TRANSLATIONS]
    say("packaging with Pants: the first time this takes some minutes")
    package(root, [target for target, _ in wanted])
    dist = root / "dist"
    images = settings.images
    translations = settings.translations
    if settings.workloads is None:
        images = images or {name: dist / path for name, (_, path) in IMAGES.items()}
        translations = translations or dist / _TRANSLATIONS[1]
    return replace(
        settings,
        native_blob=settings.native_blob or dist / INTERPRETER[1],
        translator=(str(dist / _TRANSLATOR[1]),),
        program=settings.program or dist / _PROGRAM[1],
        images=images,
        translations=translations,
    )


def package(root: Path, targets: list[str]) -> None:
    """Run Pants beside the one that may be running this program."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _NEVER_PASSED_ON and not name.startswith("PEX")
    }
    # Without the daemon: it serves one command at a time, and that one may be ours.
    command = [str(root / "pants"), "--no-pantsd", "--concurrent", "package", *targets]
    subprocess.run(command, cwd=root, env=environment, stdout=sys.stderr, check=True)
