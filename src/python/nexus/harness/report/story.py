"""The story of a run: consoles, frames, what nodes said, faults, phases, in one order.

Pure: what the run left comes in, events come out.  Frames are decoded; what is sealed is opened
where the keys are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.harness.plan import NodeIdentity
from nexus.harness.report.capture import Frame
from nexus.harness.report.connection import Connection, Connections
from nexus.harness.report.event import Event
from nexus.harness.report.keys import SessionKeys, find
from nexus.harness.report.opened import Opened
from nexus.harness.report.packet import Packet, decode
from nexus.harness.report.session import Session
from nexus.wire.announce import PORT, decode_announce
from nexus.wire.error import RemoteProtocolError

# Trace events that are not frames or console output, and the kind of each (docs/determinism.md).
_OF_TRACE: Final = {"power-off": "power", "power-on": "power", "stop": "stop", "nobuffer": "fault"}
_FAULT: Final = "fault-"


@dataclass(slots=True)
class Secrets:
    """The keys to sessions: a key log, or machines by address with their ephemeral secrets."""

    known: Mapping[bytes, SessionKeys] = field(default_factory=dict)
    identities: Mapping[str, NodeIdentity] = field(default_factory=dict)  # By machine.
    ephemerals: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)


class Listener:
    """Reads the frames of a capture in order; `keys` are those of the sessions it could open."""

    def __init__(
        self, secrets: Secrets, keep: Callable[[Opened], None] = lambda opened: None
    ) -> None:
        """Open sessions with these secrets; `keep` gets every message that was opened."""
        self.keys: dict[bytes, SessionKeys] = {}
        self.machines: dict[str, str] = {}  # By IPv4 address.
        self._secrets = secrets
        self._keep = keep
        self._connections = Connections()
        self._sessions: dict[int, Session] = {}

    def take(self, frame: Frame) -> Iterator[Event]:
        """Take the next frame; yield what it is, and what is said with it."""
        packet = decode(frame.data)
        if packet.protocol != "Ethernet" and not packet.flaw:
            self.machines.setdefault(packet.source, frame.machine)
        values: dict[str, str | int] = {"number": frame.number, "bytes": len(frame.data)}
        if (target := self.machines.get(packet.target)) is not None and target != frame.machine:
            values["to"] = target
        yield Event(
            ns=frame.sent_ns, machine=frame.machine, kind="frame", text=str(packet), values=values
        )
        if packet.protocol == "UDP" and packet.target_port == PORT and not packet.flaw:
            yield _announce(frame, packet)
        elif packet.protocol == "TCP" and not packet.flaw:
            yield from self._segment(frame, packet)

    def _segment(self, frame: Frame, packet: Packet) -> Iterator[Event]:
        taken = self._connections.take(frame.machine, packet)
        if taken is None:
            return
        connection, way, data = taken
        session = self._sessions.get(connection.number)
        if session is None:
            session = self._sessions[connection.number] = Session(
                connection, self._find, self._keep
            )
        if not data:
            return
        other = connection.listener if way is connection.dialler else connection.dialler
        peer = self.machines.get(other.source[0], other.source[0])
        for said in session.take(way, data, frame.sent_ns):
            values = {**said.values, "connection": connection.number, "to": peer}
            yield Event.model_validate(
                {
                    "ns": frame.sent_ns,
                    "machine": frame.machine,
                    "kind": said.kind,
                    "text": said.text,
                    "values": values,
                }
            )
        if session.keys is not None:
            self.keys.setdefault(session.public, session.keys)

    def _find(
        self, connection: Connection, messages: tuple[bytes, bytes, bytes]
    ) -> SessionKeys | None:
        known = self._secrets.known.get(messages[0][:32])
        if known is not None:
            return known
        listener = connection.listener.machine
        identity = self._secrets.identities.get(listener)
        if identity is None:
            return None
        return find(messages, identity, self._secrets.ephemerals.get(listener, {}))


def of_trace(text: str) -> Iterator[Event]:
    """Yield the faults, power cuts and ends that a canonical trace names."""
    for line in text.split("\n"):
        ns, _, rest = line.partition(" ")
        if not ns.isdecimal():
            continue
        machine, _, rest = rest.partition(" ")
        name, _, details = rest.partition(" ")
        kind = "fault" if name.startswith(_FAULT) else _OF_TRACE.get(name)
        if kind is not None:
            words = details if kind == "stop" else f"{name.removeprefix(_FAULT)} {details}".rstrip()
            yield Event.model_validate(
                {"ns": int(ns), "machine": machine, "kind": kind, "text": words}
            )


def merged(*parts: Iterable[Event]) -> list[Event]:
    """Join events of several sources; those of one instant keep their order, source by source."""
    return sorted((event for part in parts for event in part), key=lambda event: event.ns)


def _announce(frame: Frame, packet: Packet) -> Event:
    try:
        announce = decode_announce(packet.payload)
        services = ", ".join(announce.services) or "no services"
        text = f"{announce.device_id!r} port {announce.port} key {announce.public_key.hex()[:16]}"
        text = f"{text}... ({services})"
    except RemoteProtocolError as exc:
        text = f"malformed: {exc}"
    return Event(ns=frame.sent_ns, machine=frame.machine, kind="announce", text=text)
