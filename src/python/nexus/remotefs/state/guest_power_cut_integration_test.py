"""The real guest's state disk: read by the host's engine, cut after every sector, booted again.

One node boots on a disk that remembers every write and flush; its selftest puts, syncs and reads
anew.  What any cut could have left must be a state the guest was in, none that was synced missing;
and the guest itself boots from it, its selftest passing.  Needs the packaged system image, which
Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.config.compile import compile_node
from nexus.config.load import load_node
from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.fsck import Verdict, check
from nexus.remotefs.state.guest_disk_scene import RecordingDrive
from nexus.remotefs.state.power_cut_fake import RecordingDevice, images_after
from nexus.remotefs.state.store import Store

SYSTEM: Final = Path("src.guest/system.elf")
NODE: Final = Path(__file__).parents[5] / "ci/node-single.toml"
SECTORS: Final = 64
SLOT: Final = 2
END: Final = b"SELFTEST: statefs persist ok"
STEP_NS: Final = 1_000_000
BOOT_MS_MAX: Final = 2000
BOOTS: Final = 6  # Each takes a second.

KEY: Final = "/state/shared/selftest/local"
FIRST: Final = {KEY: b"first"}
LAST: Final = {KEY: b"local-statefs-v1"}


def boot(content: bytes) -> RecordingDevice:
    """Run one node until its state store has proven itself."""
    drive = RecordingDrive(content)
    random = KeyedRandom(1)
    taken = iter(range(1 << 30))
    machine = Machine(
        MachineOptions(
            kernel=SYSTEM.read_bytes(),
            fw_cfg={"opt/org.nexus/node": compile_node(load_node(NODE))},
            drives=(AttachedDrive(SLOT, drive),),
            mac=bytes.fromhex("525400123401"),
            entropy=lambda count: random.bytes(count, "entropy", next(taken)),
        )
    )
    console = b""
    for now_ns in range(STEP_NS, BOOT_MS_MAX * STEP_NS, STEP_NS):
        stop = machine.run(now_ns)
        console += machine.take_console()
        if END in console:
            return drive.device
        assert b"FAIL" not in console, console.decode()
        assert stop not in (Stop.FINISHED, Stop.RESET), console.decode()
    raise AssertionError(console.decode())


def test_the_guests_disk_cut_after_every_sector(capsys: pytest.CaptureFixture[str]) -> None:
    device = boot(bytes(SECTORS * SECTOR_BYTES))
    assert Store(MemoryDevice(bytes(device.content))).snapshot() == LAST
    assert check(MemoryDevice(bytes(device.content))).verdict is Verdict.CLEAN
    flushed = [n for n, event in enumerate(device.events, 1) if event.data is None]
    points = [n for n, event in enumerate(device.events, 1) if event.data is not None]
    assert flushed, "the guest's SYNC reached the disk"
    assert points
    cuts = 0
    plain = []
    for count in points:
        synced = any(n <= count for n in flushed)
        for image in images_after(device, count):
            cuts += 1
            store = Store(MemoryDevice(image))
            assert store.damage is None
            assert store.snapshot() in ([LAST] if synced else [{}, FIRST, LAST])
            assert check(MemoryDevice(image)).verdict is Verdict.CLEAN
            plain.append(image)
    different = sorted(set(plain))
    chosen = different[:: -(-len(different) // BOOTS)]
    for image in chosen:
        again = boot(image)
        assert Store(MemoryDevice(bytes(again.content))).snapshot() == LAST
    with capsys.disabled():
        print(f"\npower cuts of the guest's disk: {cuts} at {len(points)} sector writes,")
        print(f"{len(different)} different disks, {len(chosen)} of them booted again")
