"""A scripted debugger, and guests for it."""

from __future__ import annotations

from typing import Final

from nexus.emulator.gdb_packet import Deframer, Packet, encode
from nexus.emulator.gdb_session import GdbSession, State
from nexus.emulator.isa.assemble import assemble_with_symbols
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.machine import MachineOptions
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import EXIT, program
from nexus.emulator.timeline import Timeline

# GDB takes replies that are longer than the packets it may send.
_REPLY_BYTES_MAX: Final = 1 << 20


class Client:
    """Speaks to a session as GDB would."""

    def __init__(self, text: str, harts: int = 1, cpu: Cpu = RV64IMAC) -> None:
        kernel = program(text)
        self.symbols = assemble_with_symbols(text)[1]

        def options(observer: Observer) -> MachineOptions:
            return MachineOptions(
                kernel=kernel, ram_bytes=1 << 20, harts=harts, cpu=cpu, observer=observer
            )

        self.timeline = Timeline(options, 50)
        self.session = GdbSession(self.timeline)
        self._deframer = Deframer(_REPLY_BYTES_MAX)
        assert self.ask("QStartNoAckMode") == "OK"

    def ask(self, command: str | bytes) -> str:
        """Send a packet; run the guest until there is an answer."""
        raw = command.encode() if isinstance(command, str) else command
        reply = self.session.feed(encode(raw))
        while not reply and self.session.state is State.RUNNING:
            reply = self.session.advance()
        packets = [e.data for e in self._deframer.feed(reply) if isinstance(e, Packet)]
        assert len(packets) == 1, packets
        return packets[0].decode("latin-1")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    @property
    def pc(self) -> int:
        return self.register(32)

    def at(self, label: str) -> str:
        return f"{self.symbols[label]:x}"


COUNT: Final = f"""
    li s0, 5
    la s1, counter
again:
    sd s0, 0(s1)
    addi s0, s0, -1
    bnez s0, again
    li a0, 3
{EXIT}
.align 8
counter: .dword 77
"""


# Counts for ever, and stores the count.
LOOP: Final = """
    la s1, cell
again:
    addi s0, s0, 1
    sd s0, 0(s1)
    j again
out:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    j out
.align 8
cell: .dword 0
"""
