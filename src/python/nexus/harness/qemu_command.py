"""The command line of one QEMU, and which QEMU will do.  Pure: text in, text out.

The board is the one our emulator models: `virt`, modern virtio-mmio, network in slot 0, entropy
in slot 1, disks in the slots of the plan, nothing else.  `-nodefaults` keeps QEMU from adding
devices of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.contract.node import FIRMWARE_FILE, DeviceSlot
from nexus.emulator.isa.cpu import OPTIONAL, Cpu, parse_cpu
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.plan import MachinePlan
from nexus.scene.guest import DrivePlan

PROGRAM: Final = "qemu-system-riscv64"
MISSING: Final = (
    f"{PROGRAM} is not on PATH; Debian and Ubuntu have it in the package qemu-system-misc"
)

# The first with the `stream` network backend, which takes a connected socket.
VERSION_MIN: Final = (7, 2)

# Wall milliseconds per virtual one: a guest that needs 500 ms of virtual time has five seconds
# on a host that also does something else.
BUDGET_FACTOR: Final = 10

_CONFIG_FILE: Final = FIRMWARE_FILE

# Older ones make the board's fw_cfg only after they read the command line, and so refuse files
# for it; there the blob is placed in the flash, where the guest's init looks next.
_FW_CFG_VERSION_MIN: Final = (8, 0)
_FLASH_BASE: Final = 0x2000_0000
# Extensions that older versions of QEMU do not know, and the first that does.
_NEWER: Final = ("zicond", "zcb")
_NEWER_VERSION_MIN: Final = (8, 0)
_VERSION: Final = re.compile(r"QEMU emulator version (\d+\.\d+(?:\.\d+)?)")
_MIB: Final = 1 << 20

# Nothing but the board and the console, and virtio as it is today.
_BARE: Final = (
    "-nodefaults",
    "-no-user-config",
    "-no-reboot",
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
    "-global",
    "virtio-mmio.force-legacy=false",
)


class LackingError(ValueError):
    """This version of QEMU does not know an extension; the message says which one does."""


def check_version(text: str) -> str:
    """Find the version in what `--version` printed.

    Raises:
        EngineUnavailableError: it is too old, or no QEMU at all.
    """
    match = _VERSION.search(text)
    wanted = ".".join(map(str, VERSION_MIN))
    if match is None:
        said = text.strip().splitlines()[:1] or ["nothing"]
        raise EngineUnavailableError(
            f"engine 'qemu': {PROGRAM} --version says {said[0]!r}; expected QEMU {wanted} or newer"
        )
    if _numbers(match.group(1)) < VERSION_MIN:
        raise EngineUnavailableError(
            f"engine 'qemu': {PROGRAM} is version {match.group(1)}; it must be {wanted} or newer"
        )
    return match.group(1)


def build(
    program: str,
    version: str,
    machine: MachinePlan,
    kernel: Path,
    config: Path,
    network: int,
    drives: Mapping[int, Path],
    loaded: Mapping[str, Path] | None = None,
) -> list[str]:
    """Make the command line of one machine.

    Args:
        program: The QEMU to run ...
        version: ... and its version.
        machine: What to boot.
        kernel: A file with its image.
        config: A file with its node configuration.
        network: An inherited file descriptor: the machine's end of its cable.
        drives: By slot, a file with the content of each of its disks.
        loaded: By its option, `bios` or `initrd`, a file with what else is loaded.

    Raises:
        LackingError: This version does not have what the machine's processor has.
    """
    loaded = loaded or {}
    mac = ":".join(f"{byte:02x}" for byte in machine.mac)
    return [
        program,
        "-cpu",
        qemu_cpu(parse_cpu(machine.boot.cpu), version),
        "-M",
        "virt",
        "-smp",
        str(machine.boot.harts),
        "-m",
        f"{machine.ram_bytes // _MIB}M",
        "-bios",
        str(loaded.get("bios", "none")),
        "-kernel",
        str(kernel),
        *(("-initrd", str(loaded["initrd"])) if "initrd" in loaded else ()),
        *(("-append", machine.boot.append) if machine.boot.append else ()),
        *_BARE,
        *_configuration(version, config),
        "-netdev",
        f"stream,id=n0,server=off,addr.type=fd,addr.str={network}",
        "-device",
        f"virtio-net-device,netdev=n0,mac={mac},{_bus_of(DeviceSlot.NETWORK)}",
        "-device",
        f"virtio-rng-device,{_bus_of(DeviceSlot.ENTROPY)}",
        *(word for drive in machine.drives for word in _drive(drive, drives[drive.slot])),
    ]


def has_newer_extensions(version: str) -> bool:
    """Whether this version knows all that our machine can have."""
    return _numbers(version) >= _NEWER_VERSION_MIN


def qemu_cpu(cpu: Cpu, version: str) -> str:
    """QEMU's words for a set of extensions; what it has beside it is switched off.

    Raises:
        LackingError: This version does not know an extension.
    """
    is_old = not has_newer_extensions(version)
    words = ["rv64", "h=false", "zbc=false"]
    for name in OPTIONAL:
        if name == "sv48":
            continue  # QEMU's harts always have it.
        is_there = name in cpu.extensions
        if not (is_old and name in _NEWER):
            words.append(f"{name}={'true' if is_there else 'false'}")
        elif is_there:
            needed = ".".join(map(str, _NEWER_VERSION_MIN))
            raise LackingError(f"QEMU {version} does not have {name!r}; it must be {needed}")
    return ",".join(words)


def _bus_of(slot: int) -> str:
    """The place of a device on the board."""
    return f"bus=virtio-mmio-bus.{int(slot)}"


def _drive(drive: DrivePlan, path: Path) -> tuple[str, ...]:
    name = f"drive{drive.slot}"
    access = "on" if drive.is_read_only else "off"
    device = f"virtio-blk-device,drive={name},serial={name},{_bus_of(drive.slot)}"
    return (
        "-drive",
        f"if=none,id={name},format=raw,readonly={access},file={path}",
        "-device",
        device,
    )


def _configuration(version: str, config: Path) -> tuple[str, str]:
    if _numbers(version) < _FW_CFG_VERSION_MIN:
        return "-device", f"loader,file={config},addr={_FLASH_BASE:#x},force-raw=on"
    return "-fw_cfg", f"name={_CONFIG_FILE},file={config}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
