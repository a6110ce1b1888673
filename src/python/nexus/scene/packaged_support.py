"""The files that Pants puts beside these tests: the system image and the network stack."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.emulator.native_interpreter_support import native_interpreter
from nexus.netstack.library import Library
from nexus.scene.state_scene import Scene

SYSTEM: Final = Path("src.guest/system.elf")
LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
CONFIG: Final = Path("testprojects/state_repeat/node.toml")


def boot() -> Scene:
    """Return a world whose guest has a session with each of its peers."""
    scene = Scene(CONFIG, SYSTEM.read_bytes(), Library(LIBRARY), native_interpreter())
    scene.wait_ready()
    return scene
