"""The wall clock reaches neither what is built nor what a guest does.

A process cannot set this machine's clock, so each gets another time from what Python would ask.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from nexus.emulator import board
from nexus.emulator.bus import Bus
from nexus.emulator.memory import RAM_BASE, Ram
from nexus.emulator.reference.hart import Hart

IMAGE: Final = Path("testprojects.hello/system.elf")

# The configuration of testprojects/hello: a greeting for its one service.
NODE: Final = """
[node]
id = "node-hello"
mac = "52:54:00:42:02:01"
start = ["hello"]
[service.hello]
1 = "676f6f64206d6f726e696e67"
"""

BUNDLE: Final = """
[bundle]
name = "demo"
version = "1.0.0"
[[file]]
path = "a.txt"
source = "file.txt"
"""

# Runs a module as the program it is, at another time, by a clock of another speed.
AT_ANOTHER_TIME: Final = """
import runpy, sys, time
shift, speed = int(sys.argv[1]), int(sys.argv[2])
asked = []
def clock(original, unit):
    def tell():
        asked.append(original.__name__)
        return original() * speed + shift * unit
    return tell
for name in ("time", "monotonic", "perf_counter"):
    setattr(time, name, clock(getattr(time, name), 1))
    setattr(time, name + "_ns", clock(getattr(time, name + "_ns"), 10**9))
sys.argv[:] = sys.argv[3:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
finally:
    print("asked", len(asked), file=sys.stderr)
"""

# Now, and thirty years from now by a clock that runs three times as fast.
TIMES: Final = (("0", "1"), (str(30 * 365 * 24 * 3600), "3"))

# 2026-01-01, with which the clock of every machine begins (docs/spec/machine.md).
EPOCH_S: Final = 1_767_225_600


def run(time: tuple[str, str], module: str, *arguments: str | Path) -> str:
    """Run a module of ours at a time; return what it said of the times it asked for."""
    command = [sys.executable, "-c", AT_ANOTHER_TIME, *time, module, *map(str, arguments)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def boot(time: tuple[str, str], out: Path) -> dict[str, str]:
    """Boot the guest at a time: every file it leaves, by digest, without the part named `wall`."""
    assert IMAGE.is_file(), f"{IMAGE} is missing: run this test with Pants"
    node = out.parent / "node.toml"
    node.write_text(NODE)
    said = run(
        time,
        "nexus.harness.os2vm",
        "--node",
        node,
        "--image",
        f"system={IMAGE}",
        "--out",
        out,
        "--expect",
        "hello: done",
    )
    # Otherwise no process saw another time.
    assert re.search(r"^asked [1-9]", said, re.MULTILINE)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["is_reproducible"] is True
    files = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "summary.json"}
    files["deterministic"] = json.dumps(summary["deterministic"], sort_keys=True).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_a_boot_leaves_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    now, later = (boot(time, tmp_path / time[0]) for time in TIMES)
    assert len(now) > 3
    assert now == later


def test_the_clock_that_a_guest_finds_is_virtual() -> None:
    ram, bus = Ram(1 << 16), Bus()
    hart = Hart(ram, bus, RAM_BASE)
    board.attach_devices(
        bus,
        hart,
        ram,
        fw_cfg={},
        drives=[],
        mac=bytes(6),
        entropy=lambda length: bytes(length),
    )
    low, high = (bus.read(board.RTC_BASE + offset, 4) for offset in (0, 4))
    assert (high << 32 | low) // 1_000_000_000 == EPOCH_S


def test_built_images_hold_no_time(tmp_path: Path) -> None:
    """The same archive of the same files, whose times differ, at two times."""
    images = []
    for number, time in enumerate(TIMES):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "bundle.toml").write_text(BUNDLE)
        source, out = folder / "file.txt", folder / "out.img"
        source.write_text("the same")
        os.utime(source, (number * 10**9, number * 10**9))
        run(time, "nexus.image.package", "--manifest", folder / "bundle.toml", "--out", out)
        images.append(out.read_bytes())
    assert images[0] == images[1]
