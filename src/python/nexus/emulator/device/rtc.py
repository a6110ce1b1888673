"""The goldfish real-time clock, on virtual time: the same run, the same dates.

Registers of 32 bits, of which an access of 8 bytes has two; times in ns since 1970:

+0x00 time, low half; reading it keeps the high half for the next read of
+0x04 time, high half; writing a half sets the clock, whose other half goes on
+0x08 alarm, low half; writing it, after the high half, arms it
+0x0c alarm, high half
+0x10 1: the alarm interrupts
+0x14 a write disarms the alarm
+0x18 1: an alarm is armed
+0x1c a write takes the interrupt back
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from nexus.emulator.device.words import WordAt, Words

TIME_LOW, TIME_HIGH, _ALARM_LOW, _ALARM_HIGH = 0x00, 0x04, 0x08, 0x0C
_ENABLED, _CLEAR_ALARM, _ARMED, _CLEAR_INTERRUPT = 0x10, 0x14, 0x18, 0x1C
_M32: Final = (1 << 32) - 1
_M64: Final = (1 << 64) - 1

# An engine may share how far the clock is ahead of the machine's time, and the half that is kept.
OFFSET, HIGH = range(2)
WORDS: Final = 2

# Behind the registers is nothing.
LENGTH: Final = 0x24


class Rtc:
    """A clock that follows the machine's virtual time from an epoch on, and one alarm."""

    SAVED: ClassVar[tuple[str, ...]] = (
        "_offset",
        "_high",
        "_alarm",
        "_is_armed",
        "_is_pending",
        "_is_enabled",
    )

    def __init__(
        self,
        machine_ns: Callable[[], int],
        set_irq: Callable[[bool], None],
        alarm_changed: Callable[[], None],
    ) -> None:
        """Start a clock.

        Args:
            machine_ns: The time, in ns since 1970, as long as the guest does not set it.
            set_irq: Drives the interrupt line.
            alarm_changed: The next alarm is another: the engine of the hart must look again.
        """
        self._machine_ns = machine_ns
        self._set_irq = set_irq
        self._alarm_changed = alarm_changed
        self._words: Words = [0] * WORDS
        self._alarm = 0
        self._is_armed = False
        self._is_pending = False
        self._is_enabled = False

    _offset = WordAt(OFFSET)
    _high = WordAt(HIGH)

    def share(self, words: Words) -> None:
        """Keep the two words here from now on."""
        for index in range(WORDS):
            words[index] = self._words[index]
        self._words = words

    def restored(self) -> None:
        """The interrupt line is part of what the PLIC restores."""

    @property
    def alarm_in_ns(self) -> int | None:
        """In how many ns the alarm goes off, at least 0; None if none is armed."""
        return max(self._alarm - self._now, 0) if self._is_armed else None

    @property
    def is_enabled(self) -> bool:
        """Whether an alarm would interrupt."""
        return self._is_enabled

    def update(self) -> None:
        """Let the alarm go off, if it is time."""
        if self._is_armed and self._now >= self._alarm:
            self._is_armed = False
            self._is_pending = True
            self._drive()

    def read(self, offset: int, size: int) -> int:
        """Read a register, or two."""
        if size == 8:
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        if offset == TIME_LOW:
            now = self._now
            self._high = now >> 32
            return now & _M32
        return {
            TIME_HIGH: self._high,
            _ALARM_LOW: self._alarm & _M32,
            _ALARM_HIGH: self._alarm >> 32,
            _ENABLED: int(self._is_enabled),
            _ARMED: int(self._is_armed),
        }.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register, or two."""
        if size == 8:
            self.write(offset, 4, value & _M32)
            self.write(offset + 4, 4, value >> 32)
        elif offset == TIME_LOW:
            self._set(self._now & ~_M32 | value)
        elif offset == TIME_HIGH:
            self._set(self._now & _M32 | value << 32)
        elif offset == _ALARM_LOW:
            self._alarm = self._alarm & ~_M32 | value
            self._is_armed = True
            self.update()  # An alarm in the past goes off at once.
            self._alarm_changed()
        elif offset == _ALARM_HIGH:
            self._alarm = self._alarm & _M32 | value << 32
        elif offset == _ENABLED:
            self._is_enabled = bool(value & 1)
            self._drive()
        elif offset == _CLEAR_ALARM:
            self._is_armed = False
            self._alarm_changed()
        elif offset == _CLEAR_INTERRUPT:
            self._is_pending = False
            self._drive()

    @property
    def _now(self) -> int:
        return self._machine_ns() + self._offset & _M64

    def _set(self, wanted: int) -> None:
        self._offset = wanted - self._machine_ns() & _M64
        self._alarm_changed()

    def _drive(self) -> None:
        self._set_irq(self._is_pending and self._is_enabled)
