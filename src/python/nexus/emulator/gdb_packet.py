"""The framing of GDB's remote protocol: `$data#checksum`, acknowledged by `+` or `-`.

Bytes in, events out; nothing is known here of what the packets mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nexus.emulator.gdb_number import number

# Longer packets than we announced are refused.
PACKET_BYTES_MAX: Final = 0x4000

_START, _END, _ESCAPE, _BREAK = b"$#}\x03"
_ACK, _NAK = b"+-"
_FLIP: Final = 0x20
_STOP: Final = re.compile(rb"[$#]")
_MUST_ESCAPE: Final = frozenset(b"$#}*")


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole packet, unescaped."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """Ctrl-C: the debugger wants the guest stopped."""


@dataclass(frozen=True, slots=True)
class Again:
    """The last reply was not understood."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A packet whose checksum is wrong."""


Event = Packet | Break | Again | Bad


def encode(data: bytes) -> bytes:
    """Frame a reply."""
    escaped = bytearray()
    for byte in data:
        if byte in _MUST_ESCAPE:
            escaped += bytes((_ESCAPE, byte ^ _FLIP))
        else:
            escaped.append(byte)
    return b"$%b#%02x" % (bytes(escaped), sum(escaped) & 0xFF)


class Deframer:
    """Takes a stream apart."""

    def __init__(self, longest: int = PACKET_BYTES_MAX) -> None:
        """`longest`: the bytes between `$` and `#` that a packet may have."""
        self._longest = longest
        self._buffer = bytearray()
        self._is_too_long = False  # The packet that is coming; it was reported already.

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        self._buffer += data
        events: list[Event] = []
        while self._buffer:
            first = self._buffer[0]
            if first != _START:
                del self._buffer[0]
                if first == _BREAK:
                    events.append(Break())
                elif first == _NAK:
                    events.append(Again())
                continue  # An acknowledgement, or noise between packets.
            if not self._take(events):
                break
        return events

    def _take(self, events: list[Event]) -> bool:
        """Take the packet at the start; return whether it was there to its end."""
        found = _STOP.search(self._buffer, 1)
        stop = found.start() if found else len(self._buffer)
        if stop - 1 > self._longest:
            if not self._is_too_long:
                events.append(Bad())
            self._is_too_long = True
            # Its end is still to come; it must not be taken for what may be between packets.
            del self._buffer[1:stop]
            stop = 1
        if found and self._buffer[stop] == _START:
            # Within a packet this byte is escaped, so the one before was given up.
            del self._buffer[:stop]
            self._is_too_long = False
            return True
        if not found or len(self._buffer) < stop + 3:
            return False
        if not self._is_too_long:
            checksum = bytes(self._buffer[stop + 1 : stop + 3])
            events.append(self._packet(bytes(self._buffer[1:stop]), checksum))
        self._is_too_long = False
        del self._buffer[: stop + 3]
        return True

    def _packet(self, raw: bytes, checksum: bytes) -> Event:
        try:
            expected = number(checksum)
        except ValueError:
            return Bad()
        return Packet(_unescape(raw)) if sum(raw) & 0xFF == expected else Bad()


def _unescape(raw: bytes) -> bytes:
    data = bytearray()
    is_escaped = False
    for byte in raw:
        if is_escaped:
            data.append(byte ^ _FLIP)
            is_escaped = False
        elif byte == _ESCAPE:
            is_escaped = True
        else:
            data.append(byte)
    return bytes(data)
