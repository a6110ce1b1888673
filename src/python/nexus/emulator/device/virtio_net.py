"""virtio-net: one receive and one transmit queue, header of 12 bytes, no offloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from nexus.emulator.device.virtio_mmio import FEATURE_VERSION_1, VirtioMmio
from nexus.emulator.device.virtqueue import Chain, VirtQueue
from nexus.emulator.memory import Ram

FEATURE_MAC: Final = 1 << 5
FEATURE_MRG_RXBUF: Final = 1 << 15
FEATURE_STATUS: Final = 1 << 16

RECEIVE: Final = 0
TRANSMIT: Final = 1

HEADER_BYTES: Final = 12
HEADER_BYTES_OLD: Final = 10  # Without `num_buffers`: neither VERSION_1 nor merging.
LINK_UP: Final = 1

# Without an Ethernet header a frame means nothing; the upper bound is a jumbo frame.
FRAME_BYTES_MIN: Final = 14
FRAME_BYTES_MAX: Final = 9216
# Frames sent and not yet taken away; a world takes them every quantum.
SENT_FRAMES_MAX: Final = 4096


class VirtioNet:
    """A network card whose cable is `take_frames` and `deliver`."""

    SAVED: ClassVar[tuple[str, ...]] = ("dropped_frames", "_sent")

    device_id = 1
    features = FEATURE_MAC | FEATURE_MRG_RXBUF | FEATURE_STATUS
    queue_count = 2

    def __init__(
        self, mac: bytes, ram: Ram, set_irq: Callable[[bool], None], now_ns: Callable[[], int]
    ) -> None:
        self.config = mac + LINK_UP.to_bytes(2, "little")
        self.transport = VirtioMmio(self, ram, set_irq)
        self.dropped_frames = 0
        self._now_ns = now_ns
        self._sent: list[tuple[int, bytes]] = []
        self._incoming: bytes | None = None

    def restored(self) -> None:
        """Make pairs of what a snapshot keeps as lists."""
        self._sent = [(instant, frame) for instant, frame in self._sent]

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call, each with its time."""
        sent, self._sent = self._sent, []
        return sent

    def deliver(self, frame: bytes) -> bool:
        """Receive a frame; False if the driver has no room for it."""
        if not FRAME_BYTES_MIN <= len(frame) <= FRAME_BYTES_MAX:
            raise ValueError(
                f"frame of {len(frame)} bytes: expected {FRAME_BYTES_MIN}..{FRAME_BYTES_MAX}"
            )
        self._incoming = frame
        self.transport.serve(RECEIVE)
        was_taken = self._incoming is None
        self._incoming = None
        return was_taken

    def notify(self, queue_index: int, queue: VirtQueue) -> bool:
        """Send what is queued, or put an incoming frame into the receive queue."""
        if queue_index == RECEIVE:
            return self._incoming is not None and self._receive(queue, self._incoming)
        used = False
        while (chain := queue.pop()) is not None:
            frame = queue.gather(chain)[self._header_bytes :]
            if FRAME_BYTES_MIN <= len(frame) <= FRAME_BYTES_MAX:
                self._send(frame)
            queue.push(chain, 0)
            used = True
        return used

    @property
    def _header_bytes(self) -> int:
        has_count = self.transport.accepted_features & (FEATURE_MRG_RXBUF | FEATURE_VERSION_1)
        return HEADER_BYTES if has_count else HEADER_BYTES_OLD

    def _send(self, frame: bytes) -> None:
        if len(self._sent) < SENT_FRAMES_MAX:
            self._sent.append((self._now_ns(), frame))
        else:
            self.dropped_frames += 1

    def _receive(self, queue: VirtQueue, frame: bytes) -> bool:
        """Fill one buffer, or several if the driver accepted merging."""
        merges = bool(self.transport.accepted_features & FEATURE_MRG_RXBUF)
        header_bytes = self._header_bytes
        need = header_bytes + len(frame)
        chains: list[Chain] = []
        room = 0
        while room < need and (merges or not chains):
            chain = queue.pop()
            if chain is None:
                break
            chains.append(chain)
            room += chain.writable_bytes
        if room < need or chains[0].writable_bytes < header_bytes:
            for _ in chains:
                queue.push_back()
            return False
        header = bytes(HEADER_BYTES - 2) + len(chains).to_bytes(2, "little")
        data = header[:header_bytes] + frame
        for chain in chains:
            piece = data[: chain.writable_bytes]
            queue.scatter(chain, piece)
            queue.push(chain, len(piece))
            data = data[len(piece) :]
        self._incoming = None
        return True
