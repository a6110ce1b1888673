"""One guest as a value: what it boots, its configuration, and what it is on the network.

The harness's plans, fault worlds, benchmarks and tests make their machines from this, in one way
(`nexus.scene.machine`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.config.checked import CheckedNode
from nexus.config.compile import compile_node
from nexus.contract.node import FIRMWARE_FILE, DeviceSlot

# Where the guest's init finds the node configuration (docs/spec/node-config.md).
CONFIG_FILE: Final = FIRMWARE_FILE

# Where guests look for their disks (docs/spec/machine.md).
STATE_SLOT: Final = int(DeviceSlot.STATE)
PACKAGES_SLOT: Final = int(DeviceSlot.PACKAGES)

RAM_BYTES_DEFAULT: Final = 64 << 20

# The set of extensions that the project's own guest is built for.
CPU_DEFAULT: Final = "rv64imac"

# 2026-01-01 00:00 UTC.
EPOCH_S_DEFAULT: Final = 1_767_225_600


@dataclass(frozen=True, slots=True)
class DrivePlan:
    """A disk: its slot on the board and what is on it at power-on."""

    slot: int
    content: bytes = field(repr=False)
    is_read_only: bool


@dataclass(frozen=True, slots=True)
class BootPlan:
    """The boot values beside a machine's image, for a guest that takes the standard boot path."""

    firmware: bytes = field(default=b"", repr=False)
    initrd: bytes = field(default=b"", repr=False)
    append: str = ""
    cpu: str = CPU_DEFAULT
    harts: int = 1
    epoch_s: int = EPOCH_S_DEFAULT  # The real-time clock at power-on, in seconds since 1970.


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One machine before power-on."""

    image: bytes = field(repr=False)
    config: bytes = field(repr=False)
    mac: bytes
    ram_bytes: int = RAM_BYTES_DEFAULT
    drives: tuple[DrivePlan, ...] = ()
    boot: BootPlan = field(default_factory=BootPlan)


def guest_of(node: CheckedNode, image: bytes) -> Guest:
    """Make the guest of a node's configuration; its drives are the caller's."""
    return Guest(
        image=image,
        config=compile_node(node),
        mac=node.node.mac_bytes,
        ram_bytes=node.node.ram_mib << 20,
    )
