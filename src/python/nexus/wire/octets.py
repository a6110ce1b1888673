"""Reader and writer of frames: those of `nexus.core.octets`, with the protocols' errors."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NoReturn, TypeVar

from nexus.contract import gateway
from nexus.core.octets import Reader, Writer
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.part import Part

# Replies of every local service carry the request's operation with this bit set.
REPLY_BIT: Final = gateway.REPLY_BIT

ChoiceT = TypeVar("ChoiceT", bound=IntEnum)


class FrameReader(Reader):
    """Reads what a peer sent."""

    __slots__ = ()

    def text(self, length: int) -> str:
        """Take `length` bytes of UTF-8."""
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as exc:
            raise RemoteProtocolError(Reason.UTF8, str(exc.reason)) from exc

    def choice(self, kind: type[ChoiceT], reason: Reason) -> ChoiceT:
        """Take one byte that must be one of an enumeration."""
        return _choose(kind, self.u8(), reason)

    def reply_op(self, kind: type[ChoiceT]) -> ChoiceT:
        """Take the operation of a reply."""
        byte = self.u8()
        if not byte & REPLY_BIT:
            raise RemoteProtocolError(Reason.UNSUPPORTED_OPERATION, f"{byte} is not a reply")
        return _choose(kind, byte & ~REPLY_BIT, Reason.UNSUPPORTED_OPERATION)

    def zeros(self, count: int) -> None:
        """Take bytes that must be zero."""
        found = self.take(count)
        if any(found):
            raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, found.hex())

    def walk(self, part: Part) -> Walk:
        """Take the fields of a part one by one."""
        return Walk(self, part)

    def end(self) -> None:
        """Say that the frame must end here."""
        if self.remaining:
            raise RemoteProtocolError(
                Reason.TRAILING_BYTES, f"{self.remaining} behind the end of the frame"
            )

    def fail_short(self, count: int) -> NoReturn:
        """Refuse a frame that is too short."""
        raise RemoteProtocolError(Reason.TRUNCATED, f"{count} bytes needed, {self.remaining} left")


class Walk:
    """Reads the fields of a part in their order, so that each can be judged before the next."""

    __slots__ = ("_reader", "_rows")

    def __init__(self, reader: FrameReader, part: Part) -> None:
        """Begin with the first field."""
        self._reader = reader
        self._rows = iter(part.rows)

    def _take(self, name: str) -> tuple[bytes, bool]:
        found, width, _, is_big, _ = next(self._rows)
        assert found == name, f"{name} is read where {found} is"
        return self._reader.take(width), is_big

    def number(self, name: str) -> int:
        """Take a number."""
        octets, is_big = self._take(name)
        return int.from_bytes(octets, "big" if is_big else "little")

    def data(self, name: str) -> bytes:
        """Take data."""
        return self._take(name)[0]

    def choice(self, name: str, kind: type[ChoiceT], reason: Reason, less: int = 0) -> ChoiceT:
        """Take a member of an enumeration, whose number has `less` added to it."""
        number = self.number(name)
        if less and not number & less:
            raise RemoteProtocolError(reason, f"{number} is not a reply")
        return _choose(kind, number & ~less, reason)

    def zeros(self, name: str) -> None:
        """Take a field that must be zero."""
        if any(self.data(name)):
            raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, name)


class FrameWriter(Writer):
    """Writes what we send; every failure is our caller's."""

    __slots__ = ()

    def part(self, part: Part, *values: int | bytes) -> FrameWriter:
        """Append a part: what varies is given in order, all else is what it always is."""
        given = iter(values)
        for _, width, is_data, is_big, always in part.rows:
            value = next(given) if always is None else always
            if is_data:
                assert isinstance(value, bytes), "data is bytes"
                assert len(value) == width, f"{len(value)} bytes; expected {width}"
                self.put(value)
            else:
                assert isinstance(value, int), "a number"
                self._integer(value, width, "big" if is_big else "little")
        assert next(given, None) is None, "more values than fields"
        return self

    def fail_full(self, count: int) -> NoReturn:
        """Refuse a frame that would be too long."""
        raise LocalProtocolError(Reason.OVERSIZED, f"a frame has at most {self.limit} bytes")

    def fail_range(self, value: int, width: int) -> NoReturn:
        """Refuse an integer that the field cannot hold."""
        raise LocalProtocolError(
            Reason.OUT_OF_RANGE, f"{value}; {width} bytes hold 0..{(1 << 8 * width) - 1}"
        )


def open_frame(frame: bytes, magic: bytes, versions: tuple[int, ...]) -> tuple[FrameReader, int]:
    """Check magic and version; return a reader that stands behind them, and the version.

    Raises:
        RemoteProtocolError: BAD_MAGIC, UNSUPPORTED_VERSION, or TRUNCATED before their end.
    """
    reader = FrameReader(frame)
    found = reader.take(len(magic))
    if found != magic:
        raise RemoteProtocolError(Reason.BAD_MAGIC, f"{found!r}; expected {magic!r}")
    version = reader.u8()
    if version not in versions:
        known = ", ".join(map(str, versions))
        raise RemoteProtocolError(Reason.UNSUPPORTED_VERSION, f"{version}; expected {known}")
    return reader, version


def _choose(kind: type[ChoiceT], byte: int, reason: Reason) -> ChoiceT:
    try:
        return kind(byte)
    except ValueError as exc:
        raise RemoteProtocolError(reason, f"{byte}") from exc


def check_length(value: bytes, low: int, high: int, reason: Reason) -> bytes:
    """Return a value that is to be encoded.

    Raises:
        LocalProtocolError: it has fewer than `low` bytes or more than `high`.
    """
    if not low <= len(value) <= high:
        raise LocalProtocolError(reason, f"{len(value)} bytes; expected {low}..{high}")
    return value
