"""What Pants puts beside the tests of this folder: the system image and the network stack."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.emulator.native_interpreter_support import native_interpreter
from nexus.netstack.library import Library
from nexus.scene.state_scene import Scene

_SYSTEM: Final = Path("src.guest/system.elf")
_LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
_CONFIG: Final = Path("testprojects/state_repeat/node.toml")


def boot() -> Scene:
    """Return a world whose guest has a session with each of its peers."""
    scene = Scene(_CONFIG, _SYSTEM.read_bytes(), Library(_LIBRARY), native_interpreter())
    scene.wait_ready()
    return scene
