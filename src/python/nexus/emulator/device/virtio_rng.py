"""virtio-rng: fills buffers from the machine's entropy source."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.device.virtqueue import VirtQueue
from nexus.emulator.memory import Ram

# One request never gets more than this; drivers ask again.
REQUEST_BYTES_MAX: Final = 1 << 16


class VirtioRng:
    """An entropy device."""

    SAVED: ClassVar[tuple[str, ...]] = ("taken_bytes",)

    device_id = 4
    features = 0
    queue_count = 1
    config = b""

    def __init__(
        self, entropy: Callable[[int], bytes], ram: Ram, set_irq: Callable[[bool], None]
    ) -> None:
        self.transport = VirtioMmio(self, ram, set_irq)
        self._entropy = entropy
        self.taken_bytes = 0

    def restored(self) -> None:
        """Pass over what the guest has had of the source, which is new."""
        for start in range(0, self.taken_bytes, REQUEST_BYTES_MAX):
            self._entropy(min(REQUEST_BYTES_MAX, self.taken_bytes - start))

    def notify(self, queue_index: int, queue: VirtQueue) -> bool:
        """Fill every available buffer; those that a dry source leaves empty wait for `serve`."""
        used = False
        while (chain := queue.pop()) is not None:
            length = min(chain.writable_bytes, REQUEST_BYTES_MAX)
            data = self._entropy(length)
            if not data and length:
                queue.push_back()
                break
            assert len(data) == length, f"entropy source gave {len(data)} of {length} bytes"
            self.taken_bytes += length
            queue.scatter(chain, data)
            queue.push(chain, length)
            used = True
        return used
