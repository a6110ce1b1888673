"""Frames of multiplexed streams inside a session (docs/spec/streams.md), little-endian.

Where their fields are is in the schema (docs/spec/contract.md, `SettingsFrame` and so on).  The
decoder checks shape.  What a frame means where it arrives is for `nexus.dsoftbus.mux`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.contract import mux as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter, Walk, check_length
from nexus.wire.part import Part

VERSION: Final = contract.VERSION
NAME_BYTES_MAX: Final = contract.NAME_BYTES_MAX
PRIORITY_MAX: Final = contract.PRIORITY_MAX
DATA_BYTES_MAX: Final = contract.DATA_BYTES_MAX
MESSAGE_BYTES_LEAST: Final = contract.MESSAGE_BYTES_LEAST
MESSAGE_BYTES_MAX: Final = contract.MESSAGE_BYTES_MOST
_SETTINGS: Final = Part(contract.SETTINGS_FRAME_HEAD)
_OPEN: Final = Part(contract.OPEN_FRAME_HEAD)
_OPEN_ACK: Final = Part(contract.OPEN_ACK_FRAME_HEAD)
_DATA: Final = Part(contract.DATA_FRAME_HEAD)
_CREDIT: Final = Part(contract.CREDIT_FRAME_HEAD)
_CLOSE: Final = Part(contract.CLOSE_FRAME_HEAD)
_RESET: Final = Part(contract.RESET_FRAME_HEAD)
_HEAD_BYTES_MAX: Final = contract.OPEN_FRAME_BYTES_MOST
DATA_HEAD_BYTES: Final = _DATA.size

Type = contract.Type

STREAM_TYPE_FIRST: Final = min(Type)
_FIRST: Final = bytes((STREAM_TYPE_FIRST,))
_DATA_TYPE: Final = int(Type.DATA)
_CREDIT_TYPE: Final = int(Type.CREDIT)
_STREAM: Final = _DATA.span("stream")


@dataclass(frozen=True, slots=True)
class Settings:
    """The bounds that the sender accepts."""

    streams_max: int
    message_bytes_max: int
    initial_credit: int

    def encode(self) -> bytes:
        """Return the frame."""
        if not MESSAGE_BYTES_LEAST <= self.message_bytes_max <= MESSAGE_BYTES_MAX:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, _not_messages(self.message_bytes_max))
        out = FrameWriter(_HEAD_BYTES_MAX)
        out.part(_SETTINGS, self.streams_max, self.message_bytes_max, self.initial_credit)
        return out.finish()


@dataclass(frozen=True, slots=True)
class Open:
    """A new stream of the sender's."""

    stream: int
    priority: int
    name: str

    def encode(self) -> bytes:
        """Return the frame."""
        if not 0 <= self.priority <= PRIORITY_MAX:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"priority {self.priority}; expected 0..{PRIORITY_MAX}"
            )
        name = check_length(self.name.encode(), 1, NAME_BYTES_MAX, Reason.NAME_LENGTH)
        _check_stream(self.stream)
        out = FrameWriter(_HEAD_BYTES_MAX).part(_OPEN, self.stream, self.priority, len(name))
        return out.put(name).finish()


@dataclass(frozen=True, slots=True)
class OpenAck:
    """The sender uses the stream."""

    stream: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _write(_OPEN_ACK, self.stream)


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream."""

    stream: int
    data: bytes

    def encode(self) -> bytes:
        """Return the frame."""
        if not 1 <= len(self.data) <= DATA_BYTES_MAX:
            raise LocalProtocolError(
                Reason.OVERSIZED, f"{len(self.data)} bytes of data; expected 1..{DATA_BYTES_MAX}"
            )
        _check_stream(self.stream)
        return _DATA.struct.pack(_DATA_TYPE, self.stream) + self.data


@dataclass(frozen=True, slots=True)
class Credit:
    """So many more bytes may be sent to the sender of this."""

    stream: int
    count: int

    def encode(self) -> bytes:
        """Return the frame."""
        if not (0 <= self.stream < 1 << 32 and 0 <= self.count < 1 << 32):
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"a credit of {self.count} for stream {self.stream}"
            )
        return _CREDIT.struct.pack(_CREDIT_TYPE, self.stream, self.count)


@dataclass(frozen=True, slots=True)
class Close:
    """The sender sends no more data on the stream."""

    stream: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _write(_CLOSE, self.stream)


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream is over, in both directions; what was under way is lost."""

    stream: int
    reason: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _write(_RESET, self.stream, self.reason)


Frame = Settings | Open | OpenAck | Data | Credit | Close | Reset


def encode_data(stream: int, pieces: list[bytes | memoryview]) -> bytes:
    """Return the DATA frame of pieces that are within the limits: `Data.encode` with one copy."""
    return b"".join((_DATA.struct.pack(_DATA_TYPE, stream), *pieces))


def is_stream_frame(frame: bytes) -> bool:
    """Say whether a session's frame is one of streams, be it a known one or not."""
    return frame[:1] >= _FIRST


def decode_frame(frame: bytes) -> Frame:
    """Read any stream frame."""
    kind = frame[0] if frame else None
    if kind == _DATA_TYPE:  # By far the most.
        return _decode_data(frame)
    if kind == _CREDIT_TYPE and len(frame) == _CREDIT.size:  # And then these.
        _, stream, count = _CREDIT.struct.unpack(frame)
        return Credit(stream, count)
    reader = FrameReader(frame)
    of_type = FrameReader(frame).choice(Type, Reason.UNKNOWN_TYPE)
    decoded = _DECODERS[of_type](reader)
    reader.end()
    return decoded


def _decode_data(frame: bytes) -> Data:
    if len(frame) <= DATA_HEAD_BYTES:
        raise RemoteProtocolError(Reason.TRUNCATED, "a DATA frame without data")
    if len(frame) > DATA_HEAD_BYTES + DATA_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED,
            f"{len(frame) - DATA_HEAD_BYTES} bytes of data; at most {DATA_BYTES_MAX}",
        )
    return Data(int.from_bytes(frame[_STREAM], "little"), frame[DATA_HEAD_BYTES:])


def _decode_settings(reader: FrameReader) -> Settings:
    walk = _behind_type(_SETTINGS, reader)
    version = walk.number("version")
    if version != VERSION:
        raise RemoteProtocolError(Reason.UNSUPPORTED_VERSION, f"{version}; expected {VERSION}")
    streams_max = walk.number("streams_max")
    message_bytes_max = walk.number("message_bytes_max")
    settings = Settings(streams_max, message_bytes_max, walk.number("initial_credit"))
    if not MESSAGE_BYTES_LEAST <= message_bytes_max <= MESSAGE_BYTES_MAX:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, _not_messages(message_bytes_max))
    return settings


def _decode_open(reader: FrameReader) -> Open:
    walk = _behind_type(_OPEN, reader)
    stream, priority = walk.number("stream"), walk.number("priority")
    length = walk.number("name_length")
    if priority > PRIORITY_MAX:
        raise RemoteProtocolError(
            Reason.OUT_OF_RANGE, f"priority {priority}; expected 0..{PRIORITY_MAX}"
        )
    if not 1 <= length <= NAME_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.NAME_LENGTH, f"{length} bytes; expected 1..{NAME_BYTES_MAX}"
        )
    return Open(stream, priority, reader.text(length))


def _decode_credit(reader: FrameReader) -> Credit:
    walk = _behind_type(_CREDIT, reader)
    stream = walk.number("stream")
    return Credit(stream, walk.number("count"))


def _decode_reset(reader: FrameReader) -> Reset:
    walk = _behind_type(_RESET, reader)
    stream = walk.number("stream")
    return Reset(stream, walk.number("reason"))


def _behind_type(part: Part, reader: FrameReader) -> Walk:
    """Begin behind the type, which chose the decoder."""
    walk = reader.walk(part)
    walk.number("type")
    return walk


_DECODERS: Final[Mapping[Type, Callable[[FrameReader], Frame]]] = {
    Type.SETTINGS: _decode_settings,
    Type.OPEN: _decode_open,
    Type.OPEN_ACK: lambda reader: OpenAck(_behind_type(_OPEN_ACK, reader).number("stream")),
    Type.CREDIT: _decode_credit,
    Type.CLOSE: lambda reader: Close(_behind_type(_CLOSE, reader).number("stream")),
    Type.RESET: _decode_reset,
}


def _write(part: Part, stream: int, *values: int) -> bytes:
    _check_stream(stream)
    return FrameWriter(_HEAD_BYTES_MAX).part(part, stream, *values).finish()


def _check_stream(stream: int) -> None:
    if not 0 <= stream < 1 << 32:
        raise LocalProtocolError(
            Reason.OUT_OF_RANGE, f"stream {stream}; expected 0..{(1 << 32) - 1}"
        )


def _not_messages(bytes_max: int) -> str:
    return (
        f"messages of up to {bytes_max} bytes; expected {MESSAGE_BYTES_LEAST}..{MESSAGE_BYTES_MAX}"
    )
