"""Operands at which arithmetic goes wrong, if it does: ends of ranges, ties, NaNs, subnormals."""

from __future__ import annotations

from typing import Final

INTEGERS: Final = (
    *(0, 1, -1, 1 << 31, (1 << 31) - 1, -(1 << 31), -(1 << 31) - 1, 1 << 32, (1 << 32) - 1),
    *(1 << 63, (1 << 63) - 1, (1 << 53) + 1, (1 << 24) + 1, -(1 << 24) - 1, 0x5555_5555_5555_5555),
    (1 << 63) - 513,
)
DOUBLES: Final = (
    *(0, 1, 2, 3, 0xF_FFFF_FFFF_FFFF, 1 << 52, (1 << 52) + 1, (1 << 53) - 1),
    *(0x3CA << 52, 0x3FE << 52, 0x3FF << 52, (0x3FF << 52) + 1, (0x3FF << 52) - 1, 0x3FF8 << 48),
    *(0x41DF_FFFF_FFC0_0000, 0x41E0 << 48, 0x41EF_FFFF_FFE0_0000, 0x41F0 << 48, 0x43E0 << 48),
    *(0x43EF_FFFF_FFFF_FFFF, 0x43F0 << 48, 0x7FEF_FFFF_FFFF_FFFF, 0x7FF0 << 48),
    *(0x7FF0_0000_0000_0001, 0x7FF8 << 48, 0x7FFF_FFFF_FFFF_FFFF, 0x47EF_FFFF_E000_0000),
    *(0x47EF_FFFF_F000_0000, 0x380F_FFFF_C000_0000, 0x36A0 << 48, 0x3690 << 48, 0x3FDF << 48),
)
SINGLES: Final = (
    *(0, 1, 2, 3, 0x7F_FFFF, 0x80_0000, 0x80_0001, 0xFF_FFFF, 0x3380_0000, 0x3F00_0000),
    *(0x3F80_0000, 0x3F80_0001, 0x3F7F_FFFF, 0x3FC0_0000, 0x4EFF_FFFF, 0x4F00_0000),
    *(0x4F7F_FFFF, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0x5F7F_FFFF, 0x5F80_0000),
    *(0x7F7F_FFFF, 0x7F80_0000, 0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF, 0x4B00_0001),
    *(0x4B80_0000, 0x5A00_0000, 0x2580_0000, 0x3EFF_FFFF),
)
