"""A debugger at the other end of a socket, for tests of programs that wait for one."""

from __future__ import annotations

import socket

from nexus.emulator.gdb_packet import Deframer, Packet, encode

# The register number of the program counter.
PC = 32


class Debugger:
    """Speaks to a program as GDB would."""

    def __init__(self, connection: socket.socket) -> None:
        """Begin on a connection, whose timeout bounds every answer."""
        self._socket = connection
        self._deframer = Deframer()
        assert self.ask("QStartNoAckMode") == "OK"

    def ask(self, command: str) -> str:
        """Send a packet; return the answer."""
        self.say(command)
        while True:
            data = self._socket.recv(4096)
            assert data, "the program has hung up"
            packets = [e.data for e in self._deframer.feed(data) if isinstance(e, Packet)]
            if packets:
                return packets[0].decode()

    def say(self, command: str) -> None:
        """Send a packet."""
        self._socket.sendall(encode(command.encode()))

    def register(self, number: int) -> int:
        """Ask for a register of 64 bits."""
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def leave(self) -> None:
        """Hang up."""
        self._socket.close()
