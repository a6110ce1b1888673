"""The code that a peer reaches: behind a session streams and the gateway; before one discovery."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from nexus.dsoftbus.discovery import ENTRIES_MAX, PeerTable
from nexus.dsoftbus.gateway import Forward, Gateway
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_events import Arrived, Opened
from nexus.dsoftbus.mux_scene import SMALL
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX
from nexus.dsoftbus.mux_transitions import MuxRejectError
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.fuzz.target import Input, Target, packed
from nexus.wire.announce import Announce, decode_announce
from nexus.wire.error import LocalProtocolError, RemoteProtocolError
from nexus.wire.frame_cases import CASES
from nexus.wire.gateway import Response, decode_frame
from nexus.wire.methods import METHODS
from nexus.wire.mux import Open
from nexus.wire.rpc_answer import read_answer, read_results
from nexus.wire.rpc_call import encode_call

_STEPS_MAX = 64
_TICK_NS = 10_000_000


def _frames(module: str) -> list[bytes]:
    return [case.value.encode() for case in CASES if case.decode.__module__.endswith(module)]


class _MuxUser:
    """The owner of a mux, which keeps the one rule that an assertion guards: grant what came."""

    def __init__(self, role: Role) -> None:
        self.mux = Mux(role, SMALL)
        self.mux.start()
        self._is_dead = False
        self._unread: dict[int, int] = {}
        self._opened: list[int] = []

    def take_frame(self, frame: bytes) -> None:
        """Take a peer's frame; after a reject nothing works."""
        try:
            event = self.mux.receive(frame)
        except MuxRejectError:
            self._is_dead = True
            return
        assert not self._is_dead, "a frame was taken after a reject"
        if isinstance(event, Opened):
            self._opened.append(event.stream)
            live = [stream for stream in self._opened if self.mux.state(stream) is not None]
            assert len(live) <= SMALL.streams_max, f"{live} are open"
        if isinstance(event, Arrived):
            self._unread[event.stream] = self._unread.get(event.stream, 0) + len(event.data)

    def grant(self, stream: int) -> None:
        """Give back half of what waits, or the last byte."""
        unread = self._unread.get(stream, 0)
        count = -(-unread // 2)
        self.mux.grant(stream, count)
        self._unread[stream] = unread - count


_CALLS: tuple[Callable[[_MuxUser, int], object], ...] = (
    lambda user, stream: user.mux.open(f"s{stream}", stream % 8),
    lambda user, stream: user.mux.accept(stream),
    lambda user, stream: user.mux.send(stream, bytes(stream)),
    lambda user, stream: user.grant(stream),
    lambda user, stream: user.mux.close(stream),
    lambda user, stream: user.mux.reset(stream),
    lambda user, stream: user.mux.send(stream, bytes(BUFFER_BYTES_MAX)),
)


def _run_mux(data: bytes) -> None:
    """A peer's frames between our own calls."""
    source = Input(data)
    user = _MuxUser(Role.INITIATOR if source.byte() % 2 else Role.RESPONDER)
    for step in source.steps(_STEPS_MAX):
        if step % 2:
            stream = source.byte()
            with suppress(LocalProtocolError):  # The script may call what is refused.
                _CALLS[(step >> 1) % len(_CALLS)](user, stream)
        else:
            user.take_frame(source.piece())
        with suppress(LocalProtocolError):
            user.mux.next_frame()


_RULES = tuple(
    Rule("node-a", service, opcode) for service in (1, 2, 3, 4) for opcode in range(1, 7)
)


def _run_gateway(data: bytes) -> None:
    """Every frame has an answer that encodes, or goes on to the service that was allowed."""
    source = Input(data)
    gateway = Gateway(Policy(_RULES), Limit(8, 100), ("node-a",), 0)
    now_ns = 0
    for step in source.steps(_STEPS_MAX):
        peer = (None, "node-b", "node-a", "node-a")[step % 4]
        frame = source.piece()
        answer = gateway.receive(peer, frame, now_ns)
        now_ns += (step >> 4) * _TICK_NS
        if isinstance(answer, Forward):
            assert peer == "node-a", f"a frame of {peer} went on"
            reply = None if step & 4 else source.piece()
            answer = gateway.complete(answer, reply, now_ns)
        assert (answer.response is None) == (peer is None), f"{answer}"
        if answer.response is not None:
            assert isinstance(decode_frame(answer.response.encode()), Response)


def _run_rpc(data: bytes) -> None:
    """Every message has an answer that can be read, or goes on; so has any answer to its call.

    The first word of a piece may be the table of the rest: a stream would have cut it there.
    """
    source = Input(data)
    gateway = Gateway(Policy(_RULES), Limit(8, 100), ("node-a",), 0)
    now_ns = 0
    for step in source.steps(_STEPS_MAX):
        piece = source.piece()
        message = piece
        if step & 8:
            message = bytes(4) + (len(piece) // 8).to_bytes(4, "little") + piece
        answer = gateway.receive_message("node-a", message, now_ns)
        now_ns += (step >> 4) * _TICK_NS
        if isinstance(answer, Forward):
            reply = None if step & 4 else source.piece()
            answer = gateway.complete(answer, reply, now_ns)
        read = read_answer(answer.encode() or b"")
        assert answer.response is not None, f"{answer}"
        assert (read.correlation, read.status) == (
            answer.response.correlation,
            answer.response.status,
        )
        with suppress(RemoteProtocolError):  # A peer's answer may be anything.
            read_results(METHODS[step % len(METHODS)], read_answer(message))


def _run_discovery(data: bytes) -> None:
    """Datagrams of any host: the table stays small, and what it holds was announced."""
    source = Input(data)
    table = PeerTable(5 * _TICK_NS)
    now_ns = 0
    for step in source.steps(_STEPS_MAX):
        now_ns += (step >> 4) * _TICK_NS
        try:
            announce = decode_announce(source.piece())
        except RemoteProtocolError:
            continue
        table.hear(announce, "10.42.0.9", is_configured=bool(step & 1), now_ns=now_ns)
        found = table.find(announce.device_id, now_ns)
        assert found is not None, f"{announce.device_id!r} was heard just now"
        assert found.public_key == announce.public_key
        assert len(table) <= ENTRIES_MAX, f"{len(table)} entries"


def _script(frames: list[bytes], step: int = 0) -> bytes:
    return b"".join(packed(step, frame) for frame in frames)


_STREAMS = _frames(".mux")
_OPEN_FIRST = sorted(_STREAMS, key=lambda frame: frame[0])
_OPENS = [_OPEN_FIRST[0], *(Open(1 + 2 * n, n, f"s{n}").encode() for n in range(4))]
_MESSAGES = [encode_call(method, 1, 1000, method.params()) for method in METHODS]
_MANY = [Announce(f"node{n}", 1 + n, bytes([n]) * 32).encode() for n in range(ENTRIES_MAX + 2)]

TARGETS: tuple[Target, ...] = (
    Target(
        "mux",
        _run_mux,
        (
            b"\0" + _script(_OPEN_FIRST),
            b"\1" + _script(_OPEN_FIRST),
            b"\0" + _script(_OPENS) + b"\1\1\1\5\1\3\1\7\1\x09\1",
        ),
    ),
    Target("gateway", _run_gateway, (_script(_frames(".gateway"), 2),)),
    Target("rpc", _run_rpc, (_script(_MESSAGES), _script(_MESSAGES, 4))),
    Target("discovery", _run_discovery, (_script(_frames(".announce")), _script(_MANY, 1))),
)
