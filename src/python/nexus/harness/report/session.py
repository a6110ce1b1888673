"""The conversation of a capture's nodes: announcements, handshakes, streams and calls.

    packets in order -> events in order

Without a session's keys its messages are named by their lengths.  A message that cannot be read is
an event that says so; nothing here raises for what a peer sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from nexus.dsoftbus.call_streams import FRAMES, MESSAGES, Kind
from nexus.dsoftbus.policy import SERVICES
from nexus.harness.report.connection import Connection, Direction
from nexus.harness.report.keys import SessionKeys
from nexus.harness.report.opened import Opened
from nexus.wire import bundle, gateway, log, mux, packagefs, samgr, state
from nexus.wire import rpc_answer as answers
from nexus.wire.error import LocalProtocolError, ProtocolError, RemoteProtocolError
from nexus.wire.method_frames import Spoken
from nexus.wire.methods import Method
from nexus.wire.rpc import NUMBER_MAX
from nexus.wire.rpc_call import read_call
from nexus.wire.stream import MessageReader

# Operations by service, as the frames of each name them.
_OPS: Final = {1: samgr.Op, 2: bundle.Op, 3: packagefs.Op, 4: state.Op, 5: log.Op}
_STATUSES: Final = {
    1: samgr.Status,
    2: bundle.Status,
    3: packagefs.Status,
    4: state.Status,
    5: log.Status,
}
_RESPONSE_STATUS_AT: Final = 4
_HANDSHAKE: Final = ("e, es", "e, ee", "s, se")

# The streams of calls, by name.
_CALL_STREAMS: Final = {kind.name: kind for kind in (FRAMES, MESSAGES)}

# Calls without an answer are kept for their answer; a peer has far fewer under way.
_CALLS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Said:
    """Something that one node said: `kind` is handshake, session, stream, call, answer or sealed.

    Attributes:
        values: of a call and its answer: service, operation, correlation id, status, latency.
    """

    kind: str
    text: str
    values: dict[str, str | int] = field(default_factory=dict)


@dataclass(slots=True)
class _Way:
    """One direction of a session: its messages, its key, its streams of calls."""

    reader: MessageReader = field(default_factory=MessageReader)
    cipher: ChaCha20Poly1305 | None = None
    nonce: int = 0
    handshakes: list[bytes] = field(default_factory=list)
    asking: set[int] = field(default_factory=set)  # Streams that this side opened for calls.
    bytes_of_calls: dict[int, bytearray] = field(default_factory=dict)
    flaw: str = ""


class Session:
    """One connection between nodes."""

    def __init__(
        self,
        connection: Connection,
        find_keys: Callable[[Connection, tuple[bytes, bytes, bytes]], SessionKeys | None],
        keep: Callable[[Opened], None],
    ) -> None:
        """`find_keys` is asked once, when the three messages of the handshake are there.

        `keep` gets every message that was opened.
        """
        self.connection = connection
        self.keys: SessionKeys | None = None
        self._find_keys = find_keys
        self._keep = keep
        self._ways = (_Way(), _Way())
        self._streams: dict[int, str] = {}
        self._calls: dict[tuple[int, int], tuple[int, str, str]] = {}
        self._methods: dict[tuple[int, int], Method] = {}

    @property
    def public(self) -> bytes:
        """The initiator's ephemeral public key, which names the session in a key log."""
        first = self._ways[0].handshakes
        return first[0][:32] if first else b""

    def take(self, way: Direction, data: bytes, now_ns: int) -> Iterator[Said]:
        """Take bytes of one direction that are now in order."""
        side = 0 if way is self.connection.dialler else 1
        mine = self._ways[side]
        if mine.flaw:
            return
        mine.reader.feed(data)
        while True:
            try:
                message = mine.reader.next_message()
            except RemoteProtocolError:
                mine.flaw = "a length that no message has"
                yield Said("sealed", mine.flaw)
                return
            if message is None:
                return
            yield from self._message(side, bytes(message), now_ns)

    def _message(self, side: int, message: bytes, now_ns: int) -> Iterator[Said]:
        mine, other = self._ways[side], self._ways[1 - side]
        done = len(mine.handshakes) + len(other.handshakes)
        if done < len(_HANDSHAKE) and side == done % 2:
            mine.handshakes.append(message)
            text = f"message {done + 1} ({_HANDSHAKE[done]}), {len(message)} bytes"
            yield Said("handshake", text)
            if done == len(_HANDSHAKE) - 1:
                yield from self._open()
        elif mine.cipher is None:
            yield Said("sealed", f"{len(message)} bytes, no key")
        else:
            yield from self._opened(side, message, now_ns)

    def _open(self) -> Iterator[Said]:
        one, other = self._ways
        messages = (one.handshakes[0], other.handshakes[0], one.handshakes[1])
        self.keys = keys = self._find_keys(self.connection, messages)
        if keys is not None:
            one.cipher = ChaCha20Poly1305(keys.to_responder)
            other.cipher = ChaCha20Poly1305(keys.to_initiator)
            yield Said("session", f"{keys.initiator} > {keys.responder}: handshake complete")

    def _opened(self, side: int, message: bytes, now_ns: int) -> Iterator[Said]:
        mine = self._ways[side]
        assert mine.cipher is not None, "the caller looked"
        nonce = bytes(4) + mine.nonce.to_bytes(8, "little")
        try:
            frame = mine.cipher.decrypt(nonce, message, None)
        except InvalidTag:
            yield Said("sealed", f"{len(message)} bytes that are not authentic")
            return
        mine.nonce += 1
        self._keep(Opened(now_ns, self.connection.number, side == 0, frame))
        try:
            if mux.is_stream_frame(frame):
                yield from self._stream(side, mux.decode_frame(frame), now_ns)
            else:
                yield from self._bare(side, frame, now_ns)
        except ProtocolError as exc:
            yield Said("stream", f"a frame that cannot be read: {exc}")

    def _bare(self, side: int, frame: bytes, now_ns: int) -> Iterator[Said]:
        match gateway.decode_frame(frame):
            case gateway.Ping():
                yield Said("keepalive", "ping")
            case gateway.Pong():
                yield Said("keepalive", "pong")
            case gateway.Request() as request:
                yield self._call(side, request, now_ns)
            case gateway.Response() as response:
                yield self._answer(side, response, now_ns)

    def _stream(self, side: int, frame: mux.Frame, now_ns: int) -> Iterator[Said]:
        match frame:
            case mux.Settings():
                text = f"SETTINGS {frame.streams_max} streams, credit {frame.initial_credit}"
                yield Said("stream", text, {"credit": frame.initial_credit})
            case mux.Open(number, priority, name):
                self._streams[number] = name
                if name in _CALL_STREAMS:
                    self._ways[side].asking.add(number)
                yield Said("stream", f"OPEN {number} {name!r} priority {priority}")
            case mux.Data(number, data):
                yield from self._data(side, number, bytes(data), now_ns)
            case mux.OpenAck(number):
                yield Said("stream", f"OPEN_ACK {self._named(number)}")
            case mux.Credit(number, count):
                text = f"CREDIT {self._named(number)} {count}"
                yield Said("credit", text, {"stream": self._named(number), "credit": count})
            case mux.Close(number):
                yield Said("stream", f"CLOSE {self._named(number)}")
            case mux.Reset(number, reason):
                yield Said("stream", f"RESET {self._named(number)} reason {reason}")

    def _named(self, number: int) -> str:
        return f"{number} {self._streams.get(number, '?')!r}"

    def _data(self, side: int, number: int, data: bytes, now_ns: int) -> Iterator[Said]:
        mine = self._ways[side]
        kind = _CALL_STREAMS.get(self._streams.get(number, ""))
        if kind is None:
            text = f"DATA {self._named(number)} {len(data)} bytes"
            yield Said("data", text, {"stream": self._named(number), "bytes": len(data)})
            return
        held = mine.bytes_of_calls.setdefault(number, bytearray())
        held += data
        is_request = number in mine.asking
        while (frame := _cut(kind, held, is_request=is_request)) is not None:
            if kind is MESSAGES:
                yield self._message_of(side, frame, now_ns, is_request=is_request)
            else:
                yield from self._bare(side, frame, now_ns)

    def _message_of(self, side: int, message: bytes, now_ns: int, *, is_request: bool) -> Said:
        """Show a message as the frame that it stands for."""
        if is_request:
            read = read_call(message)
            if read.request is None:
                return Said("stream", f"a call that cannot be read: {read.reason}")
            if read.method is not None and len(self._methods) < _CALLS_MAX:
                self._methods[side, read.correlation] = read.method
            return self._call(side, read.request, now_ns)
        answer = answers.read_answer(message)
        method = self._methods.pop((1 - side, answer.correlation), None)
        payload = b""
        if method is not None and answer.status is gateway.Status.OK:
            try:
                payload = answers.reply_of(Spoken(method, method.params()), answer)
            except LocalProtocolError as exc:
                return Said("stream", f"an answer that cannot be read: {exc}")
        # The upper half of a call's name is not in its answer.
        names = (name for way, name in self._calls if way != side)
        name = next((n for n in names if n & NUMBER_MAX == answer.correlation), answer.correlation)
        return self._answer(side, gateway.Response(answer.status, name, payload), now_ns)

    def _call(self, side: int, request: gateway.Request, now_ns: int) -> Said:
        known = SERVICES.get(request.service)
        service = known.name if known else f"service {request.service}"
        opcode = known.opcode_of(request.payload) if known else None
        operation = _name(_OPS.get(request.service), opcode)
        if len(self._calls) < _CALLS_MAX:
            self._calls[side, request.correlation] = (now_ns, service, operation)
        values: dict[str, str | int] = {
            "service": service,
            "operation": operation,
            "correlation": request.correlation,
        }
        return Said("call", f"{service} {operation} #{request.correlation}", values)

    def _answer(self, side: int, response: gateway.Response, now_ns: int) -> Said:
        asked = self._calls.pop((1 - side, response.correlation), None)
        began_ns, service, operation = asked or (now_ns, "?", "?")
        status = response.status.name.lower()
        number = next((n for n, known in SERVICES.items() if known.name == service), 0)
        inner = ""
        if len(response.payload) > _RESPONSE_STATUS_AT and response.status is gateway.Status.OK:
            inner = _name(_STATUSES.get(number), response.payload[_RESPONSE_STATUS_AT])
        shown = f"{status}, {inner}" if inner else status
        latency_ns = now_ns - began_ns
        values: dict[str, str | int] = {
            "service": service,
            "operation": operation,
            "correlation": response.correlation,
            "status": shown,
            "latency_ns": latency_ns,
        }
        text = (
            f"{service} {operation} #{response.correlation}: {shown} after {latency_ns // 1000} us"
        )
        return Said("answer", text, values)


def _cut(kind: Kind, held: bytearray, *, is_request: bool) -> bytes | None:
    """Take the next call or answer off what came; None if none is whole.

    What has no next one is taken as it is: it cannot be read, and that is said.
    """
    if len(held) < (kind.request_head if is_request else kind.answer_head):
        return None
    found = kind.request_length(held) if is_request else kind.answer_length(held)
    length = found if isinstance(found, int) else len(held)
    if len(held) < length:
        return None
    frame = bytes(held[:length])
    del held[:length]
    return frame


def _name(kind: type | None, number: int | None) -> str:
    """The name of an operation or status; its number where there is none."""
    if kind is None or number is None:
        return "?" if number is None else str(number)
    try:
        return str(kind(number).name).lower()
    except ValueError:
        return str(number)
