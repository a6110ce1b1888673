"""What Pants puts beside the tests of this folder: the system image, the network stack, and the
program that compiles the native engine.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from nexus.emulator.native.mapping import HOSTS
from nexus.netstack.library import Library
from nexus.remotefs.state.virtual.scene import Scene

_SYSTEM: Final = Path("src.guest/system.elf")
_LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
_BUILDER: Final = Path("src.python.nexus.emulator.native/build.pex")
_CONFIG: Final = Path("testprojects/state_repeat/node.toml")


def compile_native(folder: Path) -> bytes | None:
    """Return the code of the fast engine, where it runs; both engines do the same."""
    if platform.machine() not in HOSTS:
        return None
    subprocess.run(
        [sys.executable, _BUILDER, "--out", folder / "code"],
        check=True,
        # Nothing of the environment that runs this test is meant for that program.
        env={"PATH": os.environ.get("PATH", ""), "PEX_ROOT": str(folder / "pex")},
    )
    return (folder / "code").read_bytes()


def boot(native_code: bytes | None) -> Scene:
    """Return a world whose guest has a session with each of its peers."""
    scene = Scene(_CONFIG, _SYSTEM.read_bytes(), Library(_LIBRARY), native_code)
    scene.wait_ready()
    return scene
