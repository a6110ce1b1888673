"""The switch between processes, spoken to as QEMU does: whole frames, pieces, and nonsense."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from nexus.harness import socket_switch
from nexus.harness.engine import HostFaultError
from nexus.harness.socket_switch import SocketSwitch
from nexus.simulation.machine_fake import mac

A, B = mac(1), mac(2)
BROADCAST = b"\xff" * 6


@pytest.fixture
def switch() -> Iterator[SocketSwitch]:
    switch = SocketSwitch(3)
    for port in range(3):
        switch.take_plug(port).settimeout(5)
    yield switch
    switch.close()


def _frame(target: bytes, source: bytes, payload: bytes = b"hello") -> bytes:
    return target + source + b"\x88\xb5" + payload


def _message(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def _is_silent(plug: socket.socket) -> bool:
    plug.setblocking(False)
    try:
        return plug.recv(1) == b"never"
    except BlockingIOError:
        return True
    finally:
        plug.settimeout(5)


def test_floods_then_learns(switch: SocketSwitch) -> None:
    a, b, c = (switch.take_plug(port) for port in range(3))
    hello = _frame(BROADCAST, A)
    a.sendall(_message(hello))
    assert switch.receive(0) == [hello]
    assert b.recv(100) == c.recv(100) == _message(hello)
    answer = _frame(A, B)
    b.sendall(_message(answer))
    switch.receive(1)
    assert a.recv(100) == _message(answer)
    assert _is_silent(c)


def test_frames_in_pieces_and_several_at_once(switch: SocketSwitch) -> None:
    frames = [_frame(BROADCAST, A, b"x" * n) for n in (1, 50, 1400)]
    stream = b"".join(map(_message, frames))
    received = []
    for start in range(0, len(stream), 7):
        switch.take_plug(0).sendall(stream[start : start + 7])
        received += switch.receive(0)
    assert received == frames
    switch.take_plug(0).sendall(stream)
    assert switch.receive(0) == frames


@pytest.mark.parametrize("length", [0, socket_switch.FRAME_BYTES_MAX + 1])
def test_length_that_cannot_be_is_a_host_fault(switch: SocketSwitch, length: int) -> None:
    switch.take_plug(2).sendall(length.to_bytes(4, "big"))
    with pytest.raises(HostFaultError, match=f"port 2: a frame of {length} bytes"):
        switch.receive(2)


def test_machine_that_does_not_listen_loses_frames_and_holds_nobody_up(
    switch: SocketSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_switch, "PENDING_BYTES_MAX", 20_000)
    frame = _frame(BROADCAST, A, bytes(1400))
    for _ in range(2_000):
        switch.take_plug(0).sendall(_message(frame))
        assert switch.receive(0) == [frame]
    assert switch.frames_lost > 0


def test_machine_that_is_gone_leaves_its_port(switch: SocketSwitch) -> None:
    switch.take_plug(1).close()
    assert switch.receive(1) == []
    assert sorted(switch.cables().values()) == [0, 2]
    switch.take_plug(0).sendall(_message(_frame(BROADCAST, A)))
    assert len(switch.receive(0)) == 1
    assert switch.take_plug(2).recv(100)
