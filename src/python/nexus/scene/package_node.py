"""A node of the bus on the virtual switch: announces itself, dials one peer, and calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.dsoftbus.carrier import Answered, Carrier
from nexus.dsoftbus.session import Session
from nexus.netstack.host import ByteStream
from nexus.netstack.library import Library
from nexus.netstack.stack import Peer
from nexus.remotefs.package.replies import SERVICE
from nexus.scene.place import Place
from nexus.scene.switch_node import SwitchNode
from nexus.simulation.world import World
from nexus.wire.gateway import Request, Response, decode_frame

_DEADLINE_MS: Final = 60_000

# The waiter for something looks this often whether it has come.
_REACTION_NS: Final = 250_000

# Virtual time in which a peer that is well has long answered.
_PATIENCE_NS: Final = 30_000_000_000


class VirtualNode(SwitchNode):
    """One node; a `Channel` for clients of the peer's packages."""

    session = 1

    def __init__(self, library: Library, own: Place, secret: bytes, peer: Place) -> None:
        """Announce, and dial the peer when it is heard."""
        super().__init__(library, own, secret, peer)
        self.world: World | None = None
        self._count = 0
        self._answers: list[Response] = []

    @property
    def is_ready(self) -> bool:
        """Whether the session is there."""
        return self._carrier is not None

    # Channel.

    def send(self, payload: bytes) -> int:
        """Send a request to the peer's packages."""
        self._count += 1
        assert self._carrier is not None, "no session yet"
        request = Request(SERVICE, self._count, _DEADLINE_MS, payload)
        assert self._carrier.send_request(request.encode()), "no room for a request"
        self._flush()
        return self._count

    def receive(self) -> Response:
        """Let the world go on until the next response is here."""
        self._run_until(lambda: bool(self._answers))
        return self._answers.pop(0)

    def wait_ready(self) -> None:
        """Let the world go on until the session is there."""
        self._run_until(lambda: self.is_ready)

    @property
    def retransmissions(self) -> int:
        """The number of times that this end said something again."""
        return 0 if self._stream is None else self._stream.connection.status().retransmissions

    def _run_until(self, is_done: Callable[[], bool]) -> None:
        assert self.world is not None, "the node is in no world"
        end_ns = self.world.now_ns + _PATIENCE_NS
        while not is_done():
            assert self.world.now_ns < end_ns, f"waited {_PATIENCE_NS} ns in vain"
            self.world.step(self.world.now_ns + _REACTION_NS)

    def _connect(self, now_ns: int) -> ByteStream | None:
        if not self._is_heard(now_ns):
            return None
        self._session = Session.dial(self._identity, self._peer.public, now_ns)
        peer = Peer(self._peer.ip, self._peer.port)
        return ByteStream(self.host.stack.connect(peer, now_ns))

    def _take(self, carrier: Carrier, frame: bytes) -> None:
        for event in carrier.receive(frame):
            if isinstance(event, Answered):
                response = decode_frame(event.frame)
                assert isinstance(response, Response), response
                self._answers.append(response)
