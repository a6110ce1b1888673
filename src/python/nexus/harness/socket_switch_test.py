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


@pytest.mark.parametrize("length", [0, 4096 + 65_536 + 1, 1 << 31])
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


def _pass_on(switch: SocketSwitch, port: int, frame: bytes) -> bool:
    """Send a frame in pieces; whether exactly this frame comes out, with the last piece."""
    message = _message(frame)
    for start in range(0, len(message), 4096):
        switch.take_plug(port).sendall(message[start : start + 4096])
        if received := switch.receive(port):
            return received == [frame] and start + 4096 >= len(message)
    return False


def test_a_frame_may_be_as_long_as_qemu_makes_them(switch: SocketSwitch) -> None:
    assert _pass_on(switch, 0, _frame(BROADCAST, A, bytes(4096 + 65_536 - 14)))


def test_what_waits_for_a_machine_is_bounded_to_the_byte_and_comes_in_its_order() -> None:
    switch = SocketSwitch(2)
    pending = switch._ports[1].pending
    switch.take_plug(0).settimeout(5)
    sent: list[bytes] = []
    # Until a short frame has room, and a long one has none.
    while len(pending) + 1000 <= 1 << 20:
        assert len(sent) < 2_000
        room = (1 << 20) - len(pending)
        length = 1514 if room > 3_000 else 914
        sent.append(_frame(BROADCAST, A, len(sent).to_bytes(2, "big") * ((length - 14) // 2)))
        assert _pass_on(switch, 0, sent[-1])
    assert switch.frames_lost == 0
    room = (1 << 20) - len(pending)
    too_long, fits = (_frame(BROADCAST, A, b"x" * (room + more - 14)) for more in (1, 0))
    for frame, lost in ((too_long, 1), (fits, 1), (_frame(BROADCAST, A), 2)):
        assert _pass_on(switch, 0, frame)
        assert switch.frames_lost == lost
    listener = switch.take_plug(1)
    listener.settimeout(5)
    expected = b"".join(map(_message, (*sent, fits)))
    taken = bytearray()
    while len(taken) < len(expected):
        taken += listener.recv(1 << 16)
        switch.flush()
    is_whole = taken == expected
    switch.close()
    assert is_whole


def test_a_machine_that_is_gone_while_frames_wait_for_it_loses_them_and_no_other_does(
    switch: SocketSwitch,
) -> None:
    a, b, c = (switch.take_plug(port) for port in range(3))
    b.close()
    hello = _frame(BROADCAST, A)
    a.sendall(_message(hello))
    assert switch.receive(0) == [hello], "it is not read first: the write fails"
    assert c.recv(100) == _message(hello)
    assert sorted(switch.cables().values()) == [0, 2]
    a.sendall(_message(hello))
    switch.receive(0)
    assert switch.frames_lost == 1
    assert c.recv(100) == _message(hello)


def test_a_cable_with_nothing_on_it_stays_plugged_in(switch: SocketSwitch) -> None:
    assert switch.receive(0) == []
    assert sorted(switch.cables().values()) == [0, 1, 2]


def test_a_machine_that_is_killed_with_frames_on_its_cable_leaves_its_port(
    switch: SocketSwitch,
) -> None:
    a, b, _ = (switch.take_plug(port) for port in range(3))
    b.sendall(_message(_frame(BROADCAST, B)))
    switch.receive(1)
    a.close()  # It has not read them: the other end is reset.
    assert switch.receive(0) == []
    assert sorted(switch.cables().values()) == [1, 2]


def test_closing_unplugs_both_ends_and_may_come_twice(switch: SocketSwitch) -> None:
    switch.close()
    assert switch.take_plug(0).fileno() == -1
    assert [cable.fileno() for cable in switch.cables()] == [-1, -1, -1]
    switch.close()
