"""`[boot]` of a node's file: the standard boot path in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.core.errors import NexusError
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.program_support import EXIT, build_elf
from nexus.harness import arguments
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.loading import load_plan
from nexus.harness.plan import Plan
from nexus.harness.virtual import boot
from nexus.scene.guest import BootPlan, DrivePlan

NODE = """\
[node]
id = "node-a"
mac = "52:54:00:12:34:0a"
start = []
[boot]
firmware = "opensbi"
kernel = "linux"
initrd = "initrd"
append = "console=ttyS0 quiet"
harts = 2
[[boot.drive]]
slot = 4
disk_kib = 4
[[boot.drive]]
slot = 2
image = "disk"
readonly = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "node.toml").write_text(NODE)
    (tmp_path / "opensbi").write_bytes(assemble("li a0, 0\n" + EXIT))
    (tmp_path / "linux").write_bytes(build_elf({0x8020_0000: bytes(8)}, 0x8020_0000))
    (tmp_path / "initrd").write_bytes(b"files")
    (tmp_path / "disk").write_bytes(b"content")
    return tmp_path


def _load(folder: Path, *argv: str) -> Plan:
    images = [f"--image={name}={folder}/{name}" for name in ("opensbi", "linux", "initrd", "disk")]
    return load_plan(
        arguments.parse(["--node", f"{folder}/node.toml", "--expect", "x", *images, *argv])
    )


def test_everything_that_is_named_is_in_the_plan(folder: Path) -> None:
    (machine,) = _load(folder).machines
    assert machine.image == (folder / "linux").read_bytes()
    firmware, initrd = ((folder / name).read_bytes() for name in ("opensbi", "initrd"))
    assert machine.boot == BootPlan(firmware, initrd, "console=ttyS0 quiet", "rv64gc", 2)
    assert machine.drives == (
        DrivePlan(4, bytes(4096), is_read_only=False),
        DrivePlan(2, b"content".ljust(512, b"\0"), is_read_only=True),
    )


def test_the_machine_begins_with_its_firmware(folder: Path) -> None:
    engine = boot(_load(folder), "reference")
    step = engine.step(1_000_000)
    assert [stopped.machine for stopped in step.stopped] == ["A"]


@pytest.mark.parametrize(
    ("engine", "code", "said"),
    [
        ("fast", None, "engine 'fast' is not built in here; available: reference, native"),
        ("native", None, "engine 'native': its code was not given; name it with --native-blob"),
        ("translated", None, "engine 'translated': its code was not given"),
        ("translated", b"x", "engine 'translated': nothing is translated; name a file with"),
    ],
)
def test_an_engine_without_what_it_needs_is_named(
    folder: Path, engine: str, code: bytes | None, said: str
) -> None:
    with pytest.raises(EngineUnavailableError, match=said):
        boot(_load(folder), engine, code)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("boot.kernel='other'", "image: 'other' was not given"),
        ("boot.initrd='other'", "initrd: 'other' was not given"),
        ("boot.drive=[{slot=1, disk_kib=4}]", r"boot.drive\[0\].slot: 1; expected 2..7"),
        ("boot.drive=[{slot=2}]", r"boot.drive\[0\]: expected exactly one of image and disk_kib"),
        ("boot.harts=9", r"boot.harts: 9; expected 1..8"),
        ("boot.cpu='rv32i'", "machine A: boot.cpu: 'rv32i'"),
        ("node.image='mine'", "boot.kernel: 'linux'; node.image names another one"),
    ],
)
def test_a_mistake_is_named(folder: Path, setting: str, said: str) -> None:
    with pytest.raises(NexusError, match=said):
        _load(folder, "--set", setting)


def test_a_kernel_of_another_architecture_is_refused(folder: Path) -> None:
    (folder / "linux").write_bytes(bytes(56) + b"ARM\x64" + bytes(64))
    with pytest.raises(NexusError, match=r"--image linux: .*it is an Image for AArch64; expected"):
        _load(folder)
