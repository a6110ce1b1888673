"""The names that routines may use for numbers: state words, layout, fields of registers."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from nexus.emulator import board, memory, observe, turn_words
from nexus.emulator.device import clint, fw_cfg, plic, rtc, uart, virtio_mmio
from nexus.emulator.isa import cpu
from nexus.emulator.native import layout
from nexus.emulator.reference import chain, clock, csr, mmu, pmp, state, trap


def _numbers(module: ModuleType, prefix: str = "") -> dict[str, int]:
    return {
        prefix + name: int(value)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int)
    }


CONSTANTS: Final[Mapping[str, int]] = {
    **_numbers(memory),
    **_numbers(board),
    **_numbers(state),
    **_numbers(trap),
    **_numbers(csr),
    **_numbers(clock),
    **_numbers(cpu),
    **_numbers(pmp, "PMP_"),
    **_numbers(clint, "CLINT_"),
    **_numbers(fw_cfg, "FW_CFG_"),
    **_numbers(plic, "PLIC_"),
    **_numbers(rtc, "RTC_"),
    **_numbers(virtio_mmio, "VIRTIO_"),
    **_numbers(turn_words),
    "CHAIN_DOUBTED": chain.DOUBTED,
    # The answer of `next_ready` where it has no number.
    "TURN_NOBODY": (1 << 64) - 1,
    **_numbers(uart, "UART_REGISTER_"),
    **_numbers(mmu, "MMU_"),
    **_numbers(layout),
    "WATCH_READ": observe.READ,
    "WATCH_ANY": observe.READ | observe.WRITE,
    **{f"CAUSE_{cause.name}": int(cause) for cause in trap.Cause},
    **{f"EXIT_{reason.name}": int(reason) for reason in layout.Exit},
    "PLIC_BASE": board.PLIC_BASE,
    **{f"PTE_{name}": getattr(mmu, name) for name in "VRWXUAD"},
    # The answers of `translate` where it has no offset into RAM.
    "REFUSED_PAGE": -1,
    "OUTSIDE": -2,
    "REFUSED_ACCESS": -3,
}
