"""Wireshark's dissector on golden frames: each is named and whole, and each truncation is marked.

The frames are those of the codec tests, so a new frame without a layout in the dissector fails.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final  # Any: rows of a table in JSON.

import pytest

from nexus.harness.pcapng import Capture
from nexus.harness.report.opened import Opened, write
from nexus.harness.report.packet_cases import tcp, udp
from nexus.harness.report.tshark_support import TSHARK, read
from nexus.wire import gateway, mux
from nexus.wire.frame_cases import CASES
from nexus.wire.stream import frame_message

SERVICE_OF: Final = {"sm": 1, "bn": 2, "pk": 3, "sf": 4, "sf2": 4, "lo": 5}
FIRST_OF_REPLY: Final = 0x80

pytestmark = pytest.mark.skipif(TSHARK is None, reason="no tshark on this host")


def session(frames: Sequence[bytes]) -> bytes:
    return write(Opened(number, 1, number % 2 == 0, frame) for number, frame in enumerate(frames))


def in_session(name: str, value: Any) -> bytes | None:
    """The session frame that carries a case of the codecs; None for what crosses no network."""
    frame: bytes = value.encode()
    kind = name.split("-")[0]
    if kind in ("gateway", "stream"):
        return frame
    if kind not in SERVICE_OF:
        return None
    if frame[3] >= FIRST_OF_REPLY:
        return gateway.Response(gateway.Status.OK, 1, frame).encode()
    return gateway.Request(SERVICE_OF[kind], 1, 1000, frame).encode()


NAMED: Final = {
    case.name: frame for case in CASES if (frame := in_session(case.name, case.value)) is not None
}
# The codec's case has a payload that is cut short on purpose.
del NAMED["gateway-response"]


def test_every_golden_frame_is_whole(tmp_path: Path) -> None:
    packets = read(tmp_path, session(list(NAMED.values())))
    assert len(packets) == len(NAMED)
    for name, packet in zip(NAMED, packets, strict=True):
        text = json.dumps(packet)
        assert "nexus.malformed" not in text, name
        assert '"nexus.type"' in text, name


def test_fields_have_their_values(tmp_path: Path) -> None:
    text = json.dumps(read(tmp_path, session([NAMED["sf-put"], NAMED["stream-open"]])))
    for field in (
        '"nexus.service": "4"',
        '"nexus.sf.op": "1"',
        '"nexus.sf.key": "/state/shared/selftest/remote-rw"',
        '"nexus.name": "gateway"',
    ):
        assert field in text, field


@pytest.mark.parametrize("name", ["gateway-request", "sf2-get", "lo-query-reply", "stream-open"])
def test_every_truncation_is_marked(tmp_path: Path, name: str) -> None:
    frame = NAMED[name]
    cuts = [frame[:length] for length in range(1, len(frame))]
    for cut, packet in zip(cuts, read(tmp_path, session(cuts)), strict=True):
        assert "nexus.malformed" in json.dumps(packet), len(cut)


def test_a_byte_behind_the_end_is_marked(tmp_path: Path) -> None:
    frames = {name: frame + b"\0" for name, frame in NAMED.items()}
    for name, packet in zip(frames, read(tmp_path, session(list(frames.values()))), strict=True):
        assert "nexus.malformed" in json.dumps(packet), name


def test_calls_on_the_gateways_stream_are_named(tmp_path: Path) -> None:
    data = mux.Data(1, NAMED["gateway-request"]).encode()
    _, packet = read(tmp_path, session([NAMED["stream-open"], data]))
    assert '"nexus.sm.op": "6"' in json.dumps(packet)
    assert "nexus.malformed" not in json.dumps(packet)


def test_announcements_and_noise_messages_of_a_capture(tmp_path: Path) -> None:
    announce = next(case.value.encode() for case in CASES if case.name == "announce")
    capture = Capture({"A": bytes(6)})
    capture.add("A", 1, udp("10.0.0.1", 37020, "10.0.0.2", 37020, announce))
    capture.add("A", 2, udp("10.0.0.1", 37020, "10.0.0.2", 37020, announce[:-3]))
    message = frame_message(bytes(48))
    capture.add("A", 3, tcp("10.0.0.1", 52070, "10.0.0.2", 34567, 1, 0x18, message))
    whole, cut, noise = (json.dumps(packet) for packet in read(tmp_path, capture.content()))
    assert '"nexus.announce.id": "node9"' in whole
    assert "nexus.malformed" not in whole
    assert "nexus.malformed" in cut
    assert '"nexus.noise.length": "48"' in noise
