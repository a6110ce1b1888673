"""Two Linux machines in a world: runs of testprojects/linux_pair, and what they left behind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.harness import arguments, os2vm
from nexus.harness.arguments import Options
from nexus.harness.engine import Engine
from nexus.harness.plan import Plan
from nexus.harness.program import Program
from nexus.harness.virtual import VirtualEngine

WORLDS: Final = Path("testprojects/linux_pair")

# The files of a run that do not depend on the host.
_KEPT: Final = ("uart-A.log", "uart-B.log", "capture.pcapng", "trace.txt")


@dataclass(frozen=True, slots=True)
class Left:
    """The end of a run, and the digests of its logs, capture, trace and disks."""

    exit_code: int
    digests: Mapping[str, str]


def play(world: Path, images: Mapping[str, Path], native_blob: Path, out: Path) -> Left:
    """Run a world with its artifacts in a folder of its own."""
    words = ["--world", str(world), "--native-blob", str(native_blob), "--out", str(out)]
    words += [f"--image={name}={path}" for name, path in images.items()]
    engines: list[Engine] = []

    def boot(plan: Plan, options: Options) -> Engine:
        engines.append(os2vm.boot(plan, options))
        return engines[0]

    code = Program(arguments.parse(words), os2vm.load, boot).run()
    contents = {name: (out / name).read_bytes() for name in _KEPT if (out / name).is_file()}
    for engine in engines:
        if isinstance(engine, VirtualEngine):
            contents |= engine.disks()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    return Left(code, digests)
