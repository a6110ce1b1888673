"""Every decoder of `nexus.wire`: a value or `RemoteProtocolError`, and one form of each value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from nexus.fuzz.target import Input, Target
from nexus.wire.bundle_image import Entry, decode_image, encode_image
from nexus.wire.error import RemoteProtocolError
from nexus.wire.frame_cases import CASES, Case
from nexus.wire.stream import MESSAGE_BYTES_MAX, MessageReader, frame_message

_STEPS_MAX = 64
_IMAGE = encode_image([Entry("demo", "1.0.0", "a/b", b"text"), Entry("demo", "1.0.0", "c", b"")])


def _decoder(cases: tuple[Case, ...]) -> Callable[[bytes], None]:
    first = cases[0]

    def run(data: bytes) -> None:
        try:
            value = first.decode(data)
        except RemoteProtocolError:
            return
        if not first.ignores_trailing:
            encoded = value.encode()  # type: ignore[attr-defined]  # Every codec has it.
            assert encoded == data, f"{value} encodes to {encoded.hex()}"

    return run


def _decoders() -> Iterator[Target]:
    """One target a decoder; its seeds are the frames that the codec tests are played on."""

    def key(case: Case) -> str:
        return f"{case.decode.__module__.rpartition('.')[2]}-{case.decode.__name__[7:]}"

    for name, group in groupby(sorted(CASES, key=key), key=key):
        cases = tuple(group)
        yield Target(name, _decoder(cases), tuple(case.value.encode() for case in cases))


def _run_stream(data: bytes) -> None:
    """Feed pieces of any size; no message is longer than the reader was made for."""
    source = Input(data)
    limit = 1 + int.from_bytes(source.take(2), "little") % MESSAGE_BYTES_MAX
    reader = MessageReader(limit)
    is_poisoned = False
    for step in source.steps(_STEPS_MAX):
        try:
            for message in reader.receive(source.take(step)):
                assert not is_poisoned, "a message after an error"
                assert 1 <= len(message) <= limit, f"{len(message)} of {limit}"
        except RemoteProtocolError:
            is_poisoned = True
        assert reader.buffered <= limit + 2, f"{reader.buffered} wait"


def _run_bundle_image(data: bytes) -> None:
    try:
        entries = decode_image(data)
    except RemoteProtocolError:
        return
    assert encode_image(entries) == data, "an image that is read is the one that is written"


_MESSAGE = frame_message(b"one message")

TARGETS: tuple[Target, ...] = (
    *_decoders(),
    Target("stream", _run_stream, (b"\xff\x00" + bytes([5]) + _MESSAGE[:5] + b"\xff" + _MESSAGE,)),
    Target("bundle-image", _run_bundle_image, (_IMAGE,)),
)
