"""The session core against a peer that says anything, from the first byte to sealed frames.

A connected pair gets the input deep: a script may disturb one piece of the handshake, or finish
it and have the peer seal any bytes.  `receive` has no error of its own to raise: what is wrong ends
the session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Event, Received, Refused
from nexus.dsoftbus.session_scene import KEY_B, SECRET_A, Pair, identity
from nexus.dsoftbus.transitions import State
from nexus.fuzz.target import Input, Target, packed
from nexus.wire.error import LocalProtocolError
from nexus.wire.frame_cases import CASES

_STEPS_MAX = 32
_CROSSINGS_MAX = 8  # Three messages and the first ping need five.
_TICK_NS = 100_000_000

_STRIKE = 0x80  # A byte of a piece in flight is changed where the two bytes behind it say.


def _receive(session: Session, data: bytes, now_ns: int) -> list[Event]:
    """Hand bytes over; a session that refused is closed, and nothing follows."""
    was_closed = session.state is State.CLOSED
    events = session.receive(data, now_ns)
    assert not (was_closed and events), f"{events} on a closed session"
    refused = [event for event in events if isinstance(event, Refused)]
    assert len(refused) == (not was_closed and session.state is State.CLOSED), f"{events}"
    assert not refused or events[-1] is refused[0], f"{events} go on after a refusal"
    return events


def _run_unconnected(data: bytes) -> None:
    """Arbitrary bytes in arbitrary pieces at either role: no stranger gets as far as a frame."""
    source = Input(data)
    is_dialler = source.byte() % 2
    name = identity("node-a", SECRET_A)
    session = Session.dial(name, KEY_B, 0) if is_dialler else Session.accept(name, 0)
    for step in source.steps(_STEPS_MAX):
        for event in _receive(session, source.take(step), 0):
            assert isinstance(event, Refused), f"{event} from a stranger"
        session.take_output()
        session.tick(0)


def _disturbed(source: Input, data: bytes) -> bytes:
    """Change what is in flight: one byte, its end, or what follows it."""
    step = source.byte()
    if not data or step == 0:
        return data
    if step >= _STRIKE:
        bent = bytearray(data)
        bent[int.from_bytes(source.take(2), "little") % len(bent)] ^= step & 0x7F
        return bytes(bent)
    if step == 1:
        return data[: int.from_bytes(source.take(2), "little") % len(data)]
    return data + source.take(step)


def _run_handshake(data: bytes) -> None:
    """Disturb messages between two honest sides; a side that admits the other was not deceived."""
    source = Input(data)
    pair = Pair(KEY_B)
    for _ in range(_CROSSINGS_MAX):
        to_b, to_a = pair.a.take_output(), pair.b.take_output()
        _receive(pair.b, _disturbed(source, to_b), 0)
        _receive(pair.a, _disturbed(source, to_a), 0)
        for side, peer in ((pair.a, "node-b"), (pair.b, "node-a")):
            if side.state is State.PROVEN:
                assert side.peer_id == peer, f"{side.peer_id} is not {peer}"
                side.admit(0)


def _run_transport(data: bytes) -> None:
    """Two ready sides; the peer seals what it likes, breaks off, goes silent, sends unsealed."""
    source = Input(data)
    pair = Pair(KEY_B)
    pair.make_ready()
    now_ns = 0
    for step in source.steps(_STEPS_MAX):
        _STEPS[step % len(_STEPS)](pair, source, now_ns)
        now_ns += (step >> 4) * _TICK_NS
        pair.b.tick(now_ns)
        _receive(pair.a, pair.b.take_output(), now_ns)


def _sealed(pair: Pair, source: Input, now_ns: int) -> None:
    frame = source.piece()
    with suppress(LocalProtocolError):  # The script may ask for what a sender refuses.
        pair.a.send_plaintext(frame)
    for event in _receive(pair.b, pair.a.take_output(), now_ns):
        is_ours = isinstance(event, Refused) or event == Received(frame)
        assert is_ours, f"{event}, sent was {frame.hex()}"


def _sealed_and_disturbed(pair: Pair, source: Input, now_ns: int) -> None:
    frame = source.piece()
    with suppress(LocalProtocolError):
        pair.a.send_plaintext(frame)
    _receive(pair.b, _disturbed(source, pair.a.take_output()), now_ns)


def _unsealed(pair: Pair, source: Input, now_ns: int) -> None:
    for event in _receive(pair.b, source.piece(), now_ns):
        assert isinstance(event, Refused), f"{event} from bytes that no peer sealed"


_STEPS: tuple[Callable[[Pair, Input, int], None], ...] = (
    _sealed,
    _sealed_and_disturbed,
    _unsealed,
)

_FRAMES = [case.value.encode() for case in CASES if case.decode.__module__.endswith(".gateway")]

TARGETS: tuple[Target, ...] = (
    Target(
        "session-unconnected",
        _run_unconnected,
        (b"\0\x22\0\x20" + bytes(32), b"\1\x32\0\x30" + KEY_B + bytes(16)),
    ),
    Target("session-handshake", _run_handshake, (b"", b"\0\x81\5\0", b"\0\0\0\2\0\1")),
    Target(
        "session-transport",
        _run_transport,
        (b"".join(packed(0, frame) for frame in _FRAMES), packed(1, b"x") + b"\x81\0\0"),
    ),
)
