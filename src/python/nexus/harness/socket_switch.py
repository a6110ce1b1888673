"""The switch between QEMU processes: cables are socket pairs, nothing is visible on the host.

QEMU's `stream` backend puts each frame on the cable as a 32-bit big-endian length and the bytes.
Forwarding is by the same `LearningSwitch` that simulated worlds have; there is no delay and no
fault injection here.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from typing import Final

from nexus.harness.engine import HostFaultError
from nexus.simulation.switch import LearningSwitch

_LENGTH_BYTES: Final = 4

# QEMU's own limit of what one message of this backend holds.
FRAME_BYTES_MAX: Final = 4096 + 65_536

# Per port, of frames a machine has not taken off its cable yet; beyond it frames are lost, as
# they would be on a wire to a machine that does not listen.
PENDING_BYTES_MAX: Final = 1 << 20

_READ_BYTES: Final = 1 << 16


@dataclass(slots=True)
class _Port:
    cable: socket.socket
    received: bytearray = field(default_factory=bytearray)
    pending: bytearray = field(default_factory=bytearray)
    is_open: bool = True


class SocketSwitch:
    """A learning switch whose ports are stream sockets."""

    def __init__(self, ports: int) -> None:
        """Make the cables; `take_plug()` gives the far end of each to a machine."""
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(ports)]
        self._plugs: list[socket.socket] = [far for _, far in pairs]
        self._ports = [_Port(near) for near, _ in pairs]
        self._switch = LearningSwitch(ports)
        self.frames_lost = 0
        for port in self._ports:
            port.cable.setblocking(False)

    def take_plug(self, port: int) -> socket.socket:
        """The far end of a cable; closing it is the taker's business."""
        return self._plugs[port]

    def cables(self) -> dict[socket.socket, int]:
        """The open near ends, to wait for input on."""
        return {port.cable: i for i, port in enumerate(self._ports) if port.is_open}

    def receive(self, port: int) -> list[bytes]:
        """Read what is there on one cable, forward it, and return the frames.

        Raises:
            HostFaultError: it is not what QEMU sends.
        """
        self._read(port)
        frames = self._split(port)
        for frame in frames:
            for target in self._switch.forward(port, frame):
                self._queue(target, frame)
        self.flush()
        return frames

    def flush(self) -> None:
        """Write what the cables take now."""
        for port in self._ports:
            while port.pending and port.is_open:
                try:
                    written = port.cable.send(port.pending)
                except BlockingIOError:
                    break
                except (BrokenPipeError, ConnectionResetError):
                    port.is_open = False
                    break
                del port.pending[:written]

    def close(self) -> None:
        """Unplug everything."""
        for plug in (*self._plugs, *(port.cable for port in self._ports)):
            with contextlib.suppress(OSError):
                plug.close()

    def _read(self, index: int) -> None:
        port = self._ports[index]
        try:
            data = port.cable.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if data:
            port.received += data
        else:
            port.is_open = False

    def _split(self, index: int) -> list[bytes]:
        received = self._ports[index].received
        frames = []
        while len(received) >= _LENGTH_BYTES:
            length = int.from_bytes(received[:_LENGTH_BYTES], "big")
            if not 0 < length <= FRAME_BYTES_MAX:
                raise HostFaultError(f"network port {index}: a frame of {length} bytes from QEMU")
            if len(received) < _LENGTH_BYTES + length:
                break
            frames.append(bytes(received[_LENGTH_BYTES : _LENGTH_BYTES + length]))
            del received[: _LENGTH_BYTES + length]
        return frames

    def _queue(self, index: int, frame: bytes) -> None:
        port = self._ports[index]
        if not port.is_open or len(port.pending) + len(frame) > PENDING_BYTES_MAX:
            self.frames_lost += 1
            return
        port.pending += len(frame).to_bytes(_LENGTH_BYTES, "big") + frame
