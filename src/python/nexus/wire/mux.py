"""Frames of multiplexed streams inside a session (docs/spec/streams.md), little-endian.

    16 SETTINGS  version u8 = 1, streams_max u16, message_bytes_max u32, initial_credit u32
    17 OPEN      stream u32, priority u8 (0..7), name_len u8 (1..64), name in UTF-8
    18 OPEN_ACK  stream u32
    19 DATA      stream u32, then 1 byte or more
    20 CREDIT    stream u32, bytes u32
    21 CLOSE     stream u32
    22 RESET     stream u32, reason u8

The decoder checks shape.  What a frame means where it arrives is for `nexus.dsoftbus.mux`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from nexus.contract import mux as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter, check_length

VERSION: Final = contract.VERSION
STREAM_TYPE_FIRST: Final = 16
NAME_BYTES_MAX: Final = contract.NAME_BYTES_MAX
PRIORITY_MAX: Final = contract.PRIORITY_MAX
DATA_HEAD_BYTES: Final = contract.DATA_HEAD_BYTES
DATA_BYTES_MAX: Final = contract.DATA_BYTES_MAX
MESSAGE_BYTES_LEAST: Final = contract.MESSAGE_BYTES_LEAST
MESSAGE_BYTES_MAX: Final = contract.MESSAGE_BYTES_MOST
_HEAD_BYTES_MAX: Final = 7 + NAME_BYTES_MAX
_CREDIT: Final = Struct("<BII")
_DATA_HEAD: Final = Struct("<BI")

Type = contract.Type


@dataclass(frozen=True, slots=True)
class Settings:
    """What the sender accepts."""

    streams_max: int
    message_bytes_max: int
    initial_credit: int

    def encode(self) -> bytes:
        """Return the frame."""
        if not MESSAGE_BYTES_LEAST <= self.message_bytes_max <= MESSAGE_BYTES_MAX:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"messages of {self.message_bytes_max}")
        out = FrameWriter(_HEAD_BYTES_MAX).u8(Type.SETTINGS).u8(VERSION).u16(self.streams_max)
        return out.u32(self.message_bytes_max).u32(self.initial_credit).finish()


@dataclass(frozen=True, slots=True)
class Open:
    """A new stream of the sender's."""

    stream: int
    priority: int
    name: str

    def encode(self) -> bytes:
        """Return the frame."""
        if not 0 <= self.priority <= PRIORITY_MAX:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"priority {self.priority}")
        name = check_length(self.name.encode(), 1, NAME_BYTES_MAX, Reason.NAME_LENGTH)
        out = _start(Type.OPEN, self.stream).u8(self.priority)
        return out.u8(len(name)).put(name).finish()


@dataclass(frozen=True, slots=True)
class OpenAck:
    """The sender uses the stream."""

    stream: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Type.OPEN_ACK, self.stream).finish()


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream."""

    stream: int
    data: bytes

    def encode(self) -> bytes:
        """Return the frame."""
        if not 1 <= len(self.data) <= DATA_BYTES_MAX:
            raise LocalProtocolError(Reason.OVERSIZED, f"{len(self.data)} bytes of data")
        return b"\x13" + _stream_bytes(self.stream) + self.data


@dataclass(frozen=True, slots=True)
class Credit:
    """So many more bytes may be sent to the sender of this."""

    stream: int
    count: int

    def encode(self) -> bytes:
        """Return the frame."""
        if not (0 <= self.stream < 1 << 32 and 0 <= self.count < 1 << 32):
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{self.count} for {self.stream}")
        return _CREDIT.pack(20, self.stream, self.count)


@dataclass(frozen=True, slots=True)
class Close:
    """The sender sends no more data on the stream."""

    stream: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Type.CLOSE, self.stream).finish()


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream is over, in both directions; what was under way is lost."""

    stream: int
    reason: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Type.RESET, self.stream).u8(self.reason).finish()


Frame = Settings | Open | OpenAck | Data | Credit | Close | Reset


def encode_data(stream: int, pieces: list[bytes | memoryview]) -> bytes:
    """Return the DATA frame of pieces that are within the limits: `Data.encode` with one copy."""
    return b"".join((_DATA_HEAD.pack(19, stream), *pieces))


def is_stream_frame(frame: bytes) -> bool:
    """Say whether a session's frame is one of streams, be it a known one or not."""
    return frame[:1] >= b"\x10"


def decode_frame(frame: bytes) -> Frame:
    """Read any stream frame."""
    if frame[:1] == b"\x13":  # By far the most.
        return _decode_data(frame)
    if frame[:1] == b"\x14" and len(frame) == _CREDIT.size:  # And then these.
        _, stream, count = _CREDIT.unpack(frame)
        return Credit(stream, count)
    reader = FrameReader(frame)
    kind = reader.choice(Type, Reason.UNKNOWN_TYPE)
    decoded = _decode_settings(reader) if kind is Type.SETTINGS else _decode_other(kind, reader)
    reader.end()
    return decoded


def _decode_data(frame: bytes) -> Data:
    if len(frame) <= DATA_HEAD_BYTES:
        raise RemoteProtocolError(Reason.TRUNCATED, "no data")
    if len(frame) > DATA_HEAD_BYTES + DATA_BYTES_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"{len(frame) - DATA_HEAD_BYTES} bytes of data")
    return Data(int.from_bytes(frame[1:5], "little"), frame[5:])


def _decode_settings(reader: FrameReader) -> Settings:
    version = reader.u8()
    if version != VERSION:
        raise RemoteProtocolError(Reason.UNSUPPORTED_VERSION, f"{version}")
    settings = Settings(reader.u16(), reader.u32(), reader.u32())
    if not MESSAGE_BYTES_LEAST <= settings.message_bytes_max <= MESSAGE_BYTES_MAX:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"messages of {settings.message_bytes_max}")
    return settings


def _decode_other(kind: Type, reader: FrameReader) -> Frame:
    stream = reader.u32()
    match kind:
        case Type.OPEN:
            priority, length = reader.u8(), reader.u8()
            if priority > PRIORITY_MAX:
                raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"priority {priority}")
            if not 1 <= length <= NAME_BYTES_MAX:
                raise RemoteProtocolError(Reason.NAME_LENGTH, f"{length}")
            return Open(stream, priority, reader.text(length))
        case Type.OPEN_ACK:
            return OpenAck(stream)
        case Type.CREDIT:
            return Credit(stream, reader.u32())
        case Type.CLOSE:
            return Close(stream)
        case _:
            return Reset(stream, reader.u8())


def _start(kind: Type, stream: int) -> FrameWriter:
    out = FrameWriter(_HEAD_BYTES_MAX)
    out.u8(kind).put(_stream_bytes(stream))
    return out


def _stream_bytes(stream: int) -> bytes:
    if not 0 <= stream < 1 << 32:
        raise LocalProtocolError(Reason.OUT_OF_RANGE, f"stream {stream}")
    return stream.to_bytes(4, "little")
