"""A service's identity: its name, and the 64-bit id that kernel and configuration know it by."""

from __future__ import annotations

import re
from typing import Final

# The boot archive keeps a name in 32 bytes; the kernel itself would take 64.
SERVICE_NAME_BYTES_MAX: Final = 32

_SERVICE_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_MASK64: Final = (1 << 64) - 1

SERVICE_NAME_RULE: Final = (
    f"1..{SERVICE_NAME_BYTES_MAX} characters a-z, 0-9 and '-', starting with a letter"
)


def is_service_name(name: str) -> bool:
    """Say whether `name` may name a service."""
    return len(name) <= SERVICE_NAME_BYTES_MAX and _SERVICE_NAME.fullmatch(name) is not None


def service_id(name: str) -> int:
    """Compute the FNV-1a 64 hash of a name: what the kernel supplies as a sender's identity."""
    value = _FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _MASK64
    return value
