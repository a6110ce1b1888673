"""The test finisher: the guest's way to end the run with a verdict, or to ask for a reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

FAIL: Final = 0x3333
PASS: Final = 0x5555
RESET: Final = 0x7777


class Finisher:
    """One write-only register."""

    SAVED: ClassVar[tuple[str, ...]] = ("exit_code", "is_reset")

    def __init__(self, stop: Callable[[], None]) -> None:
        self.exit_code: int | None = None
        self.is_reset = False
        self._stop = stop

    def restored(self) -> None:
        """Nothing hangs on it."""

    def read(self, offset: int, size: int) -> int:
        """Reads as zero."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """End the run if the value is one of the three commands."""
        if offset:
            return
        command = value & 0xFFFF
        if command == RESET:
            self.is_reset = True
        elif command in (PASS, FAIL):
            self.exit_code = 0 if command == PASS else value >> 16 & 0xFFFF
        else:
            return
        self._stop()
