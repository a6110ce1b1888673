"""The native engine's access to devices: the registers it shares, and single accesses."""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.device.fw_cfg import FwCfg
from nexus.emulator.device.plic import WORDS as PLIC_WORDS
from nexus.emulator.device.plic import Plic
from nexus.emulator.device.rtc import WORDS as RTC_WORDS
from nexus.emulator.device.rtc import Rtc
from nexus.emulator.device.uart import WORDS as UART_WORDS
from nexus.emulator.device.uart import Uart
from nexus.emulator.device.virtio_mmio import WORDS as VIRTIO_WORDS
from nexus.emulator.device.virtio_mmio import VirtioMmio
from nexus.emulator.native import layout
from nexus.emulator.native.mapping import Words, address_of
from nexus.emulator.reference import state as s
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.trap import TrapError

_M64: Final = (1 << 64) - 1


class DeviceHart(Hart):
    """A hart whose state has words of its devices."""

    _words: Words
    _uart: Uart | None = None
    _answering: Words  # As long as generated code has its address.

    def have_company(self) -> None:
        """Leave the interrupt controller to Python: its lines go to several harts."""
        self.state[layout.ALONE] = 0

    def share_uart(self, uart: Uart) -> None:
        """Let generated code transmit, and serve what needs no received byte."""
        self._uart = uart
        uart.share(self._words.view[layout.UART : layout.UART + UART_WORDS])

    def share_plic(self, plic: Plic) -> None:
        """Let generated code serve the interrupt controller."""
        plic.share(self._words.view[layout.PLIC : layout.PLIC + PLIC_WORDS])

    def share_files(self, files: FwCfg) -> None:
        """Let generated code read the selected item."""
        files.share(self._words.view[layout.FILE_POSITION : layout.FILE_BYTES], self._select_file)

    def share_virtio(self, slot: int, transport: VirtioMmio) -> None:
        """Let generated code read the status and acknowledge interrupts."""
        first = layout.VIRTIO + VIRTIO_WORDS * slot
        transport.share(self._words.view[first : first + VIRTIO_WORDS])

    def share_rtc(self, rtc: Rtc, epoch_ns: int) -> None:
        """Let generated code read the time."""
        rtc.share(self._words.view[layout.RTC : layout.RTC + RTC_WORDS])
        self.state[layout.RTC_EPOCH] = epoch_ns & _M64

    def share_bus(self, bus: Bus) -> None:
        """Let generated code refuse accesses that no device answers."""
        regions = bus.regions
        self._answering = Words(3 * len(regions))
        for index, region in enumerate(regions):
            for field, value in enumerate((region.base, region.length, sum(region.sizes))):
                self._answering.view[3 * index + field] = value
        self.state[layout.REGIONS] = self._answering.address
        self.state[layout.REGION_COUNT] = len(regions)

    def _select_file(self, item: bytes) -> None:
        self._file = bytearray(item + b"\0")  # Never empty, so that it has an address.
        self.state[layout.FILE_HOST] = address_of(self._file)
        self.state[layout.FILE_BYTES] = len(item)

    def _access(self, *, is_store: bool) -> None:
        """Execute the load or store at pc, which goes to a device and is decoded already."""
        state = self.state
        address, shape, result = state[layout.ACCESS], state[layout.ACCESS_SHAPE], layout.RESULT
        size = state[layout.ACCESS_LAST] - address + 1
        try:
            if is_store:
                self.store(address, state[result], size)
            elif state[result] >= s.F0:
                self._step()  # It changes more than the register.
                return
            else:
                value = self.load(address, size)
                if shape & layout.SHAPE_SIGNED and value >> 8 * size - 1:
                    value -= 1 << 8 * size
                state[state[result]] = value & _M64
            state[s.PC] = state[s.PC] + (shape & layout.SHAPE_LENGTH) & _M64
        except TrapError as trap:
            self._trap(trap)
        self._left -= 1
        if self.attention or self.leave:
            self._attend()

    def _step(self) -> None:
        """Execute the instruction at pc in the reference."""
        raise NotImplementedError  # The hart of the engine, which derives from this, does it.
