"""Two nodes in one process: a client's channel to a server behind sessions and a gateway.

Everything between is real, the handshake, the sealing, the judging, except for the wire, which
carries bytes when a caller waits.  `rounds` counts how often it had to be waited for.
"""

from __future__ import annotations

from nexus.dsoftbus.gateway import Answer, Gateway
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.session_events import Received
from nexus.dsoftbus.session_scene import KEY_B, Pair
from nexus.remotefs.package.backend import Backend
from nexus.remotefs.package.server import PackageServer
from nexus.wire.gateway import Response, decode_frame

EVERYTHING = tuple(Rule("node-a", 3, op) for op in (1, 2, 3, 4))

# The most a configuration can say; time stands still, so it is this many requests.
UNLIMITED = Limit(65_535, 65_535)


class TwoNodes:
    """Node A with a channel, node B with packages."""

    def __init__(
        self,
        backend: Backend,
        rules: tuple[Rule, ...] = EVERYTHING,
        limit: Limit = UNLIMITED,
    ) -> None:
        """Make both ready."""
        self.server = PackageServer(backend)
        self.session = 1
        self.rounds = 0
        self.frames_max = 0
        self._pair = Pair(KEY_B)
        self._pair.make_ready()
        self._pair.events_a.clear()
        self._pair.events_b.clear()
        self._gateway = Gateway(Policy(rules), limit, ("node-a",), 0)
        self._waiting: list[Response] = []

    def send(self, payload: bytes) -> int:
        """Send a request of A."""
        return self._pair.a.request(3, payload, 1000)

    def receive(self) -> Response:
        """Wait for A's next response: one round trip brings all that are under way."""
        if not self._waiting:
            self._round()
        return self._waiting.pop(0)

    def exchange(self, payload: bytes) -> Response:
        """Send one request and wait for its response."""
        number = self.send(payload)
        response = self.receive()
        assert response.correlation == number
        return response

    def _round(self) -> None:
        self.rounds += 1
        self._pair.cross()
        events, self._pair.events_b = self._pair.events_b, []
        frames = [event.frame for event in events if isinstance(event, Received)]
        self.frames_max = max(self.frames_max, len(frames))
        for frame in frames:
            self._serve(frame)
        self._pair.cross()
        events, self._pair.events_a = self._pair.events_a, []
        for event in events:
            assert isinstance(event, Received), event
            response = decode_frame(event.frame)
            assert isinstance(response, Response), response
            self._waiting.append(response)
        assert self._waiting, "waited for a response to nothing"

    def _serve(self, frame: bytes) -> None:
        verdict = self._gateway.receive(self._pair.b.peer_id, frame, 0)
        if not isinstance(verdict, Answer):
            reply = self.server.answer(verdict.request.payload, is_authenticated=True)
            verdict = self._gateway.complete(verdict, reply, 0)
        assert verdict.response is not None
        self._pair.b.send(verdict.response)
