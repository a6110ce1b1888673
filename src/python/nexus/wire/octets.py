"""Reader and writer of frames: those of `nexus.core.octets`, with the protocols' errors."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NoReturn, TypeVar

from nexus.core.octets import Reader, Writer
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

# Replies of every local service carry the request's operation with this bit set.
REPLY_BIT: Final = 0x80

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
            raise RemoteProtocolError(Reason.UNSUPPORTED_OPERATION, f"{byte} is no reply")
        return _choose(kind, byte & ~REPLY_BIT, Reason.UNSUPPORTED_OPERATION)

    def zeros(self, count: int) -> None:
        """Take bytes that must be zero."""
        if any(self.take(count)):
            raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO)

    def end(self) -> None:
        """Say that the frame must end here."""
        if self.remaining:
            raise RemoteProtocolError(Reason.TRAILING_BYTES, f"{self.remaining}")

    def fail_short(self, count: int) -> NoReturn:
        """Refuse a frame that is too short."""
        raise RemoteProtocolError(Reason.TRUNCATED, f"{count} bytes needed, {self.remaining} left")


class FrameWriter(Writer):
    """Writes what we send; every failure is our caller's."""

    __slots__ = ()

    def fail_full(self, count: int) -> NoReturn:
        """Refuse a frame that would be too long."""
        raise LocalProtocolError(Reason.OVERSIZED, f"expected up to {self.limit} bytes")

    def fail_range(self, value: int, width: int) -> NoReturn:
        """Refuse an integer that the field cannot hold."""
        raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{value} in {width} bytes")


def open_frame(frame: bytes, magic: bytes, versions: tuple[int, ...]) -> tuple[FrameReader, int]:
    """Check magic and version; return a reader that stands behind them, and the version."""
    reader = FrameReader(frame)
    found = reader.take(len(magic))
    if found != magic:
        raise RemoteProtocolError(Reason.BAD_MAGIC, f"{found!r}, expected {magic!r}")
    version = reader.u8()
    if version not in versions:
        raise RemoteProtocolError(Reason.UNSUPPORTED_VERSION, f"{version}")
    return reader, version


def _choose(kind: type[ChoiceT], byte: int, reason: Reason) -> ChoiceT:
    try:
        return kind(byte)
    except ValueError as exc:
        raise RemoteProtocolError(reason, f"{byte}") from exc


def check_length(value: bytes, low: int, high: int, reason: Reason) -> bytes:
    """Refuse to encode a value of another length."""
    if not low <= len(value) <= high:
        raise LocalProtocolError(reason, f"{len(value)}, expected {low}..{high}")
    return value
