"""Known differences between QEMU 7.2 and this machine, and why no guest has to mind.

Everything here is a field or a case that a portable guest cannot rely on: either the extension it
belongs to is absent here, or QEMU 7.2 does what the privileged specification (1.12) rules out.
"""

from __future__ import annotations

from typing import Final

_M64: Final = (1 << 64) - 1

# Interrupts of the hypervisor and of counter overflow: absent here.
_FOREIGN_INTERRUPTS: Final = 1 << 2 | 1 << 6 | 1 << 10 | 1 << 12 | 1 << 13
# Exceptions of the hypervisor; ecall from machine mode, which cannot be delegated; reserved ones.
_FOREIGN_EXCEPTIONS: Final = 0xF0_0C00
# FS, VS, XS, SD: there is no unit whose state they would show.  UXL, SXL: writable on QEMU.
STATUS_FIELDS: Final = 0x600 | 0x6000 | 0x1_8000 | 1 << 63 | 0xF << 32 | 3 << 38

# By csr: bits of its value that are not compared.
UNSPECIFIED: Final[dict[int, int]] = {
    0x100: STATUS_FIELDS,
    0x300: STATUS_FIELDS,
    0x302: _FOREIGN_EXCEPTIONS,
    0x303: _FOREIGN_INTERRUPTS,
    0x304: _FOREIGN_INTERRUPTS,
    0x344: _FOREIGN_INTERRUPTS,
    0x104: _FOREIGN_INTERRUPTS,
    0x144: _FOREIGN_INTERRUPTS,
    # Bit 0 is always zero; QEMU 7.2 keeps what was written.
    0x141: 1,
    0x341: 1,
    # Registers of 32 bits; QEMU keeps 64.
    0x106: _M64 << 32 & _M64,
    0x306: _M64 << 32 & _M64,
    # Svpbmt is absent here; QEMU lets its enable bit be written although it is absent there too.
    0x30A: 1 << 62,
    # Counters cannot be stopped here, and events are not counted.
    0x320: _M64,
    **{0xB03 + i: _M64 for i in range(29)},
    **{0xC03 + i: _M64 for i in range(29)},
    **{0x323 + i: _M64 for i in range(29)},
}

# MPRV is cleared by a return to a lower mode since version 1.12; QEMU 7.2 keeps it.
KEPT_BY_RETURNS: Final = 1 << 17

# Faults of atomics have the causes of a store; QEMU 7.2 says those of a load.
ATOMIC_CAUSES: Final[dict[int, int]] = {4: 6, 5: 7, 13: 15}

# With several interrupts pending, QEMU without AIA takes the one of the lowest number; here it is
# the order of the specification.  So probes pend one at a time.
ORDER: Final = (11, 3, 7, 9, 1, 5)

# Rows that QEMU 7.2 executes otherwise than the manual says: `ctzw` counts on in the high half of
# a register whose low half is zero.
UNCOMPARED_ROWS: Final = frozenset({"ctzw"})

# A double in a question about layouts of PMP begins at a multiple of this, for two reasons.  A
# misaligned access across pages may be done in parts: here each part must match an entry; QEMU 7.2
# looks at the whole if the page is not in its cache, and at parts if it is.  And an access fails if
# the deciding entry matches a part of it, as one of four bytes in the midst of a double does; QEMU
# 7.2 looks up the first byte and the last, so it does not see that entry.
DOUBLES_OF_LAYOUTS_AT: Final = 4

# Not compared either, since it shows in FS alone: an instruction that changes no floating-point
# register but raises a flag (`feq.d`, `fcvt.w.d`) makes FS dirty here, since fcsr has changed;
# QEMU 7.2 leaves it as it was.
