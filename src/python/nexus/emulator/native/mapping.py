"""Puts native code and the memory it works on at fixed host addresses.

This is the one module that deals in host addresses.  Code pages are writable or executable, never
both.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from functools import cache
from typing import Final

from nexus.emulator.native import layout
from nexus.emulator.native.blob import Blob, BlobError
from nexus.emulator.native.processor import AARCH64, Processor, host, refusal

_PROT_READ_EXECUTE: Final = mmap.PROT_READ | mmap.PROT_EXEC


@cache
def _mprotect() -> Callable[[int, int, int], int]:
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return function


@cache
def has_fused_unit() -> bool:
    """Whether this processor has the instructions for fused sums, and may use them.

    Every 64-bit Arm has them.  Of others the kernel lists what it lets programs use; where it does
    not say, the answer is no, and fused sums take longer.
    """
    if host() is AARCH64:
        return True
    try:
        with open("/proc/cpuinfo", "rb") as file:  # The first processor; the others are alike.
            flags = next((line for line in file if line.startswith(b"flags")), b"").split()
    except OSError:
        return False
    return b"fma" in flags and b"avx" in flags


@cache
def _sync() -> Callable[[int, int], None] | None:
    """Return the function that makes fetches see writes, where a processor needs one.

    It is the compiler's own routine, which any C++ library needs, too.  Where it is not, Linux does
    the same for a page when it becomes executable after it was written.
    """
    if host() is not AARCH64:
        return None
    try:
        function = ctypes.CDLL("libgcc_s.so.1").__clear_cache
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    function.restype = None
    return function


class Executable:
    """Code, mapped so that it can run and not be written."""

    def __init__(self, code: bytes, processor: Processor) -> None:
        """Map the code.

        Raises:
            BlobError: This host cannot execute it; use the reference engine.
        """
        if reason := refusal(processor):
            raise BlobError(f"native blob: {reason}")
        # Whole pages of the host: 4, 16 or 64 KiB.
        size = max(-(-len(code) // mmap.PAGESIZE), 1) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory.write(code)
        self.address = address_of(self._memory)
        if _mprotect()(self.address, size, _PROT_READ_EXECUTE):
            reason = os.strerror(ctypes.get_errno())
            raise BlobError(
                f"native blob: this host lets no memory be executed ({reason}); use the reference"
                " engine"
            )
        if sync := _sync():
            sync(self.address, self.address + len(code))


class Code:
    """A mapped native interpreter."""

    def __init__(self, blob: Blob) -> None:
        """Map the code.

        Raises:
            BlobError: This host cannot execute it; use the reference engine.
        """
        self._memory = Executable(blob.code, blob.processor)
        base = self._memory.address
        enter = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        fill = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self.enter: Callable[[int, int], None] = enter(base + blob.enter)
        self.table = Words(blob.handlers)
        fill(base + blob.fill)(self.table.address)


class Words:
    """An array of 64-bit words that native code can reach."""

    def __init__(self, count: int) -> None:
        self._memory = bytearray(8 * count)
        self.view = memoryview(self._memory).cast("Q")
        self.address = address_of(self._memory)


class Pool:
    """Host memory that costs nothing until it is touched."""

    def __init__(self, size_bytes: int) -> None:
        self.memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.start = address_of(self.memory)
        self.end = self.start + size_bytes


def address_of(buffer: bytearray | mmap.mmap) -> int:
    """The host address of a buffer, which stays put as long as it is not resized."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def state_words() -> Words:
    """The state of a hart with its private part."""
    return Words(layout.STATE_BYTES // 8)
