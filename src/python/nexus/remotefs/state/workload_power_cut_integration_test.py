"""A guest that puts, deletes, syncs and compacts, its disk cut after every sector write.

Of each cut every image that is tried must hold the state after some whole number of the guest's
operations, none before the last SYNC it was told of missing, by the host's engine and its fsck;
and a sample of the images is booted, for the guest to mount and to do all its work again.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.emulator.board import AttachedDrive
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.mapping import HOSTS
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.power_cut_fake import RecordingDevice, images_after
from nexus.remotefs.state.store import Store

SYSTEM: Final = Path("testprojects.power_cut/system.elf")
BUILDER: Final = Path("src.python.nexus.emulator.native/build.pex")
NODE: Final = Path(__file__).parents[5] / "testprojects/power_cut/node.toml"
SECTORS: Final = 128
SLOT: Final = 2
END: Final = b"workload: end\n"
STEP_NS: Final = 10_000  # How exactly it is known when a SYNC was acknowledged.
RUN_NS: Final = 1_000_000_000
BOOTS: Final = 12

# The table of testprojects/power_cut/workload.zig.
ROUNDS: Final = 24
SYNC_EVERY: Final = 4
KEYS: Final = 7


def states() -> tuple[list[dict[str, bytes]], dict[int, int]]:
    """Return the state after each change, and the number of changes before each SYNC."""
    after: list[dict[str, bytes]] = [{}]
    synced: dict[int, int] = {}
    for number in range(ROUNDS):
        key = f"/state/shared/work/{number % KEYS}"
        value = bytes([ord("a") + number % 26]) * (number * 131 % 1500)
        after.append({**after[-1], key: value})
        if number % 5 == 4:
            after.append({name: kept for name, kept in after[-1].items() if name != key})
        if number % SYNC_EVERY == SYNC_EVERY - 1:
            synced[number] = len(after) - 1
    return after, synced


STATES, SYNCED = states()


class RecordingDrive:
    """The emulator's side of a disk that remembers."""

    def __init__(self, content: bytes) -> None:
        self.device = RecordingDevice(content)

    @property
    def size_bytes(self) -> int:
        return len(self.device.content)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.device.content[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        assert offset % SECTOR_BYTES == 0
        self.device.write(offset // SECTOR_BYTES, data)

    def flush(self) -> None:
        self.device.flush()


@dataclass(frozen=True)
class Run:
    """What a guest did to its disk; after how many events it had said that a SYNC was done."""

    device: RecordingDevice
    told: list[tuple[int, int]]  # (events, changes)
    console: bytes


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> bytes | None:
    """Build the code of the fast engine, where it runs; both engines do the same."""
    if platform.machine() not in HOSTS:
        return None
    folder = tmp_path_factory.mktemp("native")
    subprocess.run(
        [sys.executable, BUILDER, "--out", folder / "code"],
        check=True,
        # Nothing of the environment that runs this test is meant for that program.
        env={"PATH": os.environ.get("PATH", ""), "PEX_ROOT": str(folder / "pex")},
    )
    return (folder / "code").read_bytes()


def boot(content: bytes, native: bytes | None) -> Run:
    """Run the guest until its work is done."""
    drive = RecordingDrive(content)
    machine = Machine(
        MachineOptions(
            kernel=SYSTEM.read_bytes(),
            fw_cfg={"opt/org.nexus/node": compile_node(load_node(NODE))},
            drives=(AttachedDrive(SLOT, drive),),
            engine="reference" if native is None else "native",
            native_blob=native,
        )
    )
    console = b""
    told = [(0, 0)]
    while END not in console:
        assert machine.now_ns < RUN_NS, console.decode()
        stop = machine.run(machine.now_ns + STEP_NS)
        assert stop not in (Stop.FINISHED, Stop.RESET), console.decode()
        console += machine.take_console()
        for number, changes in SYNCED.items():
            is_told = b"workload: synced %d\n" % number in console
            if is_told and changes > told[-1][1]:
                told.append((len(drive.device.events), changes))
    return Run(drive.device, told, console)


def test_every_cut_of_a_working_guests_disk(
    native: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = boot(bytes(SECTORS * SECTOR_BYTES), native)
    assert run.console.count(b"statefsd: compaction done") >= 2
    assert len(run.told) == 1 + len(SYNCED)
    points = [n for n, event in enumerate(run.device.events, 1) if event.data is not None]
    every = -(-len(points) // BOOTS)
    cuts = boots = 0
    for place, count in enumerate(points):
        durable = max(changes for events, changes in run.told if events <= count)
        images = list(images_after(run.device, count))
        cuts += len(images)
        for image in images:
            store = Store(MemoryDevice(image))
            assert store.damage is None, f"cut after event {count}"
            assert store.snapshot() in STATES[durable:], f"cut after event {count}"
            verdict = check(MemoryDevice(image)).verdict
            assert verdict is not Verdict.UNRECOVERABLE, f"cut after event {count}"
        if place % every == 0:
            boots += 1
            again = boot(images[boots % len(images)], native)
            assert b"statefsd: journal v2 mounted (2PC)\n" in again.console
            assert Store(MemoryDevice(bytes(again.device.content))).snapshot() == STATES[-1]
    with capsys.disabled():
        print(f"\npower cuts of a working guest's disk: {cuts} at {len(points)} sector writes,")
        print(f"{boots} of them booted again")
