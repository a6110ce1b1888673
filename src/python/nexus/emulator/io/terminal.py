"""The host's terminal as a guest's console: raw while it is used, as it was before in any case.

`Ctrl-A` is the escape, as in QEMU: `Ctrl-A x` ends the run, `Ctrl-A Ctrl-A` types a Ctrl-A.
"""

from __future__ import annotations

import os
import select
import termios
import tty
from types import FrameType, TracebackType
from typing import Final, Self

from nexus.entry.ending import Taken, catch_ending, release_ending

ESCAPE: Final = 0x01
_QUIT: Final = frozenset(b"xX")

# More than a user types at once; a paste comes in several reads.
_READ_BYTES: Final = 1024

_OUTPUT_FLAGS: Final = 1  # Place in what tcgetattr returns.


class QuitError(Exception):
    """The user or a signal asked to end the run."""


class Keys:
    """Takes the escape out of what is typed."""

    def __init__(self) -> None:
        self._is_escaped = False

    def feed(self, data: bytes) -> bytes:
        """Return what the guest shall get.

        Raises:
            QuitError: `Ctrl-A x` was typed.
        """
        typed = bytearray()
        for byte in data:
            if self._is_escaped:
                self._is_escaped = False
                if byte in _QUIT:
                    raise QuitError
                if byte == ESCAPE:
                    typed.append(byte)
            elif byte == ESCAPE:
                self._is_escaped = True
            else:
                typed.append(byte)
        return bytes(typed)


class Terminal:
    """A terminal in raw mode for the length of a `with`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved: list[int | list[bytes | int]] = []
        self._handlers: dict[int, Taken] = {}
        self._keys = Keys()

    def __enter__(self) -> Self:
        self._saved = termios.tcgetattr(self._descriptor)
        # Their default action would leave the terminal raw.
        self._handlers = catch_ending(_quit)
        tty.setraw(self._descriptor)
        settings = termios.tcgetattr(self._descriptor)
        settings[_OUTPUT_FLAGS] |= termios.OPOST  # Guests end lines with a line feed alone.
        termios.tcsetattr(self._descriptor, termios.TCSANOW, settings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)
        release_ending(self._handlers)

    def read(self, wait_s: float) -> bytes:
        """Return the keys that were typed; wait for the first one up to `wait_s` seconds.

        Raises:
            QuitError: The user wants to leave, or the terminal is gone.
        """
        ready, _, _ = select.select([self._descriptor], [], [], wait_s)
        if not ready:
            return b""
        data = os.read(self._descriptor, _READ_BYTES)
        if not data:
            raise QuitError
        return self._keys.feed(data)


def _quit(number: int, frame: FrameType | None) -> None:
    raise QuitError
