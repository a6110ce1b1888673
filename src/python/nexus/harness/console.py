"""Turns the bytes of one machine's console into lines, and notices when they are not text.

Rules of this file
------------------
1. A line is delivered once it is complete; what is after the last newline waits.
2. A line that is too long, is not UTF-8 or holds control characters is garbled: two writers
   tore each other's output, or memory was printed.  Such a log proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The kernel prints at most 1024 bytes in one uninterrupted write.
LINE_BYTES_MAX: Final = 1024

# The bytes that a whole run may print: a guest that prints for ever fills no disk.
CONSOLE_BYTES_MAX: Final = 10 << 20

_TAB: Final = 0x09
_SPACE: Final = 0x20
_DELETE: Final = 0x7F
_SHOWN_CHARACTERS_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Garbled:
    """A console that cannot be read any further, and why."""

    reason: str


class LineAssembler:
    """Collects console bytes; `feed()` returns the lines they complete."""

    def __init__(self) -> None:
        self._pending = b""
        self._size = 0
        self._lines = 0

    @property
    def pending(self) -> bytes:
        """The bytes after the last newline."""
        return self._pending

    def feed(self, data: bytes) -> list[str | Garbled]:
        """Take console output; return complete lines, the last item may be `Garbled`."""
        self._size += len(data)
        if self._size > CONSOLE_BYTES_MAX:
            return [Garbled(f"more than {CONSOLE_BYTES_MAX} bytes of output")]
        *complete, self._pending = (self._pending + data).split(b"\n")
        lines: list[str | Garbled] = []
        for raw in complete:
            self._lines += 1
            line = _decode(raw, self._lines)
            lines.append(line)
            if isinstance(line, Garbled):
                return lines
        if len(self._pending) > LINE_BYTES_MAX + 1:  # One more for a carriage return.
            lines.append(_too_long(self._pending, self._lines + 1))
        return lines


def _decode(raw: bytes, number: int) -> str | Garbled:
    if raw.endswith(b"\r"):
        raw = raw[:-1]
    if len(raw) > LINE_BYTES_MAX:
        return _too_long(raw, number)
    for position, byte in enumerate(raw):
        if (byte < _SPACE and byte != _TAB) or byte == _DELETE:
            return Garbled(
                f"line {number}: control byte 0x{byte:02x} at column {position + 1}: {_show(raw)}"
            )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        return Garbled(f"line {number}: not UTF-8 at column {exc.start + 1}: {_show(raw)}")


def _too_long(raw: bytes, number: int) -> Garbled:
    return Garbled(f"line {number}: longer than {LINE_BYTES_MAX} bytes: {_show(raw)}")


def _show(raw: bytes) -> str:
    return ascii(raw[:_SHOWN_CHARACTERS_MAX].decode("latin-1"))
