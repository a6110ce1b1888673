"""Stand-ins for the links and the calls of a node, and sessions that own them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast  # Any: stand-ins for a link and its session.

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.binding import Pin
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.audit_trail import AuditTrail
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.link_owner import Cause
from nexus.dsoftbus.io.service import Service
from nexus.dsoftbus.io.session_table import SessionRecord, SessionTable
from nexus.dsoftbus.io.sessions import Sessions
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.policy import Policy
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.transitions import State
from nexus.wire.gateway import Response

KEY, OTHER_KEY = b"\1" * 32, b"\2" * 32
PEER, SOURCE = "node-b", "10.0.0.9"


def entry_of(key: bytes) -> Entry:
    return Entry(PEER, "127.0.0.1", 1, key, (), True, 0)


@dataclass
class FakeSession:
    role: Role = Role.RESPONDER
    state: State = State.IDLE


@dataclass(eq=False)
class FakeLink:
    """A link that keeps what its owner asks of it."""

    number: int
    session: FakeSession = field(default_factory=FakeSession)
    peer: str | None = None
    carrier: None = None
    is_ended: bool = False
    asked: list[str] = field(default_factory=list)

    def admit(self) -> None:
        self.asked.append("admit")

    def abort(self) -> None:
        self.asked.append("abort")

    def close(self) -> None:
        self.asked.append("close")

    @property
    def has_bare_requests(self) -> bool:
        return False

    def take_request(self) -> None:
        self.asked.append("take")

    def release(self) -> None:
        self.asked.append("release")


@dataclass
class FakeCalls:
    """The calls to one peer: what they hear of sessions and answers."""

    heard: list[Any] = field(default_factory=list)

    def attach(self, record: SessionRecord) -> None:
        self.heard.append(("attach", record.link.number))

    def detach(self, record: SessionRecord) -> None:
        self.heard.append(("detach", record.link.number))

    def answered(self, response: Response) -> None:
        self.heard.append(response)

    def answered_message(self, message: bytes) -> None:
        self.heard.append(message)

    def unsaid(self, names: tuple[int, ...]) -> None:
        self.heard.append(names)


class Owner:
    """Sessions of a node with one configured peer."""

    def __init__(self, per_peer_max: int = 4) -> None:
        self.clock, self.counters = HandClock(), Counters()
        self.records: list[Record] = []
        self.trail = AuditTrail(self.records.append, self.clock, self.counters)
        gateway = Gateway(Policy(), Limit(64, 64), (PEER,), 0)
        self.calls = FakeCalls()
        self.live: dict[str, Entry] = {}
        self.ended: list[int] = []
        self.table = SessionTable()
        self.sessions = Sessions(
            Service(gateway, {}, self.trail.record, self.clock, self.counters),
            cast("Any", {PEER: self.calls}),
            {PEER: Pin(PEER, KEY)},
            self.live.get,
            self.trail,
            handlers={},
            session_ended=self.ended.append,
            per_peer_max=per_peer_max,
            table=self.table,
        )

    def announce(self, key: bytes = KEY) -> None:
        self.live[PEER] = entry_of(key)

    def open(self, number: int, source: str = SOURCE, role: Role = Role.RESPONDER) -> FakeLink:
        link = FakeLink(number, FakeSession(role))
        self.sessions.opened(link_of(link), source)
        return link

    def open_ready(self, number: int) -> FakeLink:
        link = self.open(number)
        link.peer = PEER
        self.sessions.ready(link_of(link))
        return link

    def end(self, link: FakeLink, cause: Cause) -> None:
        link.is_ended = True
        self.sessions.ended(link_of(link), cause)


def link_of(link: FakeLink) -> Link:
    return cast("Link", link)
