"""A node's service for one session, with a conversation that is a stand-in and a clock by hand."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.carrier import Nonsense, Pulled
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.interceptor import Interceptor
from nexus.dsoftbus.io.service import ServedSession, Service
from nexus.dsoftbus.io.settings import Handler
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import bundle, samgr
from nexus.wire.gateway import Request, Response, decode_frame

PEER: Final = "node-a"
RESOLVE: Final = samgr.Request(samgr.Op.RESOLVE_STATUS, "logd").encode()
LIST: Final = bundle.Request(bundle.Op.LIST).encode()
# The first bytes of a change of state, which is all that the gateway looks at.
PUT: Final = b"SF\1\1"
EPOCH: Final = 7 << 32
RULES: Final = (Rule(PEER, 1, 6), Rule(PEER, 2, 1), Rule(PEER, 4, 1))


class Conversation:
    """Requests that a test puts there, and the answers that came."""

    def __init__(self) -> None:
        """Have none."""
        self.requests: deque[Pulled | Nonsense] = deque()
        self.has_bare_requests = False
        self.answers: list[tuple[Response, int | None]] = []
        self.asked: list[str] = []
        self.is_broken = False

    def take_request(self) -> Pulled | Nonsense | None:
        """Give the next one."""
        return self.requests.popleft() if self.requests else None

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Keep it."""
        if self.is_broken:
            raise RuntimeError("a defect of the conversation")
        response = decode_frame(frame)
        assert isinstance(response, Response)
        self.answers.append((response, stream))

    def hold(self) -> None:
        """Keep that it was asked."""
        self.asked.append("hold")

    def release(self) -> None:
        """Keep that it was asked."""
        self.asked.append("release")


class Serving:
    """One session of node-a at a node with these handlers."""

    def __init__(
        self,
        handlers: Mapping[int, Handler],
        limit: Limit = Limit(1000, 0),  # noqa: B008 - a value, which does not change
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        """Serve nothing yet."""
        self.clock, self.counters, self.records = HandClock(), Counters(), list[Record]()
        gateway = Gateway(Policy(RULES), limit, (PEER,), 0)
        self.service = Service(
            gateway, handlers, self.records.append, self.clock, self.counters, interceptors
        )
        self.idle = 0
        self.to = Conversation()
        self.session = self.begin(self.to, 3)

    def begin(self, to: Conversation, number: int) -> ServedSession:
        """Begin a session of the peer."""
        return ServedSession(self.service, PEER, number, to, self._note_idle)

    def _note_idle(self) -> None:
        self.idle += 1

    def ask(
        self,
        payload: bytes = RESOLVE,
        service: int = 1,
        correlation: int = 9,
        *,
        deadline_ms: int = 1000,
        stream: int | None = None,
    ) -> None:
        """Let the peer ask."""
        frame = Request(service, correlation, deadline_ms, payload).encode()
        self.to.requests.append(Pulled(frame, stream))
        self.session.pull()


async def turns(count: int = 8) -> None:
    """Let what is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)
