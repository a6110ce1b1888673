"""The packets of GDB's protocol that read and change registers and memory."""

from __future__ import annotations

from typing import Final

from nexus.emulator import gdb_target
from nexus.emulator.gdb_number import content, number, pair
from nexus.emulator.gdb_packet import PACKET_BYTES_MAX
from nexus.emulator.gdb_threads import GdbThreads
from nexus.emulator.history import History
from nexus.emulator.inspect import read_memory_from, write_memory

ERROR_ARGUMENT: Final = b"E16"  # EINVAL
_ERROR_MEMORY: Final = b"E0e"  # EFAULT
# A register without a value.
_UNAVAILABLE: Final = b"x" * (2 * gdb_target.WORD_BYTES)


class GdbData:
    """Registers and memory at the timeline's present, as the chosen hart has them."""

    def __init__(self, timeline: History, threads: GdbThreads) -> None:
        self._timeline = timeline
        self._threads = threads

    def read_general(self, rest: bytes) -> bytes:
        """`g`: x0..x31 and pc."""
        core = self._threads.core
        values = (gdb_target.read_register(core, n) for n in range(gdb_target.GENERAL_COUNT))
        return b"".join(_hex(value) for value in values)

    def write_general(self, rest: bytes) -> bytes:
        """`G`: all of them."""
        words = content(rest)
        if len(words) != gdb_target.GENERAL_COUNT * gdb_target.WORD_BYTES:
            return ERROR_ARGUMENT
        core = self._threads.core
        for index in range(gdb_target.GENERAL_COUNT):
            word = words[8 * index : 8 * index + 8]
            gdb_target.write_register(core, index, int.from_bytes(word, "little"))
        self._timeline.edited()
        return b"OK"

    def read_one(self, rest: bytes) -> bytes:
        """`p`: one register."""
        which = number(rest)
        if gdb_target.is_unavailable(self._threads.core, which):
            return _UNAVAILABLE
        value = gdb_target.read_register(self._threads.core, which)
        return ERROR_ARGUMENT if value is None else _hex(value)

    def write_one(self, rest: bytes) -> bytes:
        """`P`: change one."""
        name, _, value = rest.partition(b"=")
        word = content(value)
        if len(word) != gdb_target.WORD_BYTES or not gdb_target.write_register(
            self._threads.core, number(name), int.from_bytes(word, "little")
        ):
            return ERROR_ARGUMENT
        self._timeline.edited()
        return b"OK"

    def read_memory(self, rest: bytes) -> bytes:
        """`m`: memory, as hexadecimal digits; less than was asked for if it ends before."""
        address, length = pair(rest)
        wanted = min(length, PACKET_BYTES_MAX // 2)
        data = read_memory_from(self._timeline.machine, address, wanted, self._threads.core)
        return data.hex().encode() if data or not wanted else _ERROR_MEMORY

    def write_memory_hex(self, rest: bytes) -> bytes:
        """`M`: change memory, given as digits."""
        where, _, digits = rest.partition(b":")
        return self._write_memory(where, content(digits))

    def write_memory_binary(self, rest: bytes) -> bytes:
        """`X`: change memory, given as it is."""
        where, _, data = rest.partition(b":")
        return self._write_memory(where, data)

    def _write_memory(self, where: bytes, data: bytes) -> bytes:
        address, length = pair(where)
        if length != len(data):
            return ERROR_ARGUMENT
        if not length:
            return b"OK"  # How GDB asks whether it may.
        if not write_memory(self._timeline.machine, address, data, self._threads.core):
            return _ERROR_MEMORY
        self._timeline.edited()
        return b"OK"


def _hex(value: int | None) -> bytes:
    return (value or 0).to_bytes(gdb_target.WORD_BYTES, "little").hex().encode()
