"""A guest and the peers of its configuration, on one virtual switch; and calls that wait.

Everything happens in virtual time, so the same steps give the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nexus.config.keys import derive_test_secret
from nexus.config.load import load_node
from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.machine import Machine
from nexus.netstack.library import Library
from nexus.scene.drive import VolatileDrive
from nexus.scene.engine import engine_with
from nexus.scene.guest import STATE_SLOT, guest_of
from nexus.scene.machine import options_of
from nexus.scene.place import place_of_guest, place_of_peer
from nexus.scene.state_peer import VirtualPeer
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.link import LinkOptions
from nexus.simulation.power import PowerCut
from nexus.simulation.world import World
from nexus.wire import log, state, transfer
from nexus.wire.gateway import Response
from nexus.wire.gateway import Status as Outcome
from nexus.wire.state import Status

STATE: Final = 4
LOG: Final = 5

_SEED: Final = 1
_MAC_OF_PEERS: Final = bytes.fromhex("5254001235")
_LINK: Final = LinkOptions(delay_ns=1_000_000)

# The waiter for something looks this often whether it has come.
_REACTION_NS: Final = 250_000

# How long the power is off: longer than a peer that is not heard is dialled.
_OFF_NS: Final = 2_000_000_000

# Virtual time in which a guest that is well has long answered.
_PATIENCE_NS: Final = 20_000_000_000


class Scene:
    """The world, and the calls of its peers."""

    def __init__(
        self, config: Path, kernel: bytes, library: Library, native_blob: bytes | None = None
    ) -> None:
        """Switch the guest on; a peer has the name and the test key of the configuration."""
        settings = load_node(config)
        place = place_of_guest(settings)
        self.disk = VolatileDrive(b"")
        if settings.state is not None:
            assert settings.state.disk_kib is not None, "the guest's disk begins empty"
            self.disk = VolatileDrive(bytes(settings.state.disk_kib << 10))
        drives = [] if settings.state is None else [AttachedDrive(STATE_SLOT, self.disk, False)]
        guest, code = guest_of(settings, kernel), engine_with(native_blob)
        random = KeyedRandom(_SEED)

        def switch_on(life: str) -> Machine:
            return Machine(options_of(guest, drives, EntropyStream(random, life), code))

        self._switch_on = switch_on
        self.peers: dict[str, VirtualPeer] = {}
        assert settings.dsoftbus is not None, "it has a place on the bus"
        for number, peer in enumerate(settings.dsoftbus.peer, 1):
            own = place_of_peer(peer, _MAC_OF_PEERS + bytes([number]))
            secret = derive_test_secret(peer.id)
            self.peers[peer.id] = VirtualPeer(library, own, secret, place)
        hosts = {name: peer.host for name, peer in self.peers.items()}
        self.world = World({**hosts, "guest": switch_on("guest")}, _LINK, random, driven=hosts)
        self.console = ""
        self._count = 0

    def run_for(self, duration_ns: int) -> None:
        """Let the world go on for so long."""
        end_ns = self.world.now_ns + duration_ns
        while self.world.now_ns < end_ns:
            self._step(end_ns)

    def run_until(self, is_done: Callable[[], bool]) -> None:
        """Let the world go on until it is so."""
        end_ns = self.world.now_ns + _PATIENCE_NS
        while not is_done():
            assert self.world.now_ns < end_ns, f"waited {_PATIENCE_NS} ns in vain\n{self.console}"
            self._step(self.world.now_ns + _REACTION_NS)

    def cut_power(self, *, is_disk_written: bool) -> None:
        """Let the guest's power fail, and wait until every peer has a session with it again.

        Args:
            is_disk_written: The disk had written all it was given; else only what was flushed.
        """
        off_ns = self.world.now_ns + _OFF_NS
        if not is_disk_written:
            self.disk.lose_power()
        life = f"guest {off_ns}"
        self.world.schedule(
            PowerCut("guest", self.world.now_ns, off_ns, lambda: self._switch_on(life))
        )
        for peer in self.peers.values():
            peer.lose_session()
        self.run_for(2 * _OFF_NS)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Let the world go on until every peer has a session."""
        self.run_until(lambda: all(peer.is_ready for peer in self.peers.values()))

    def call(
        self, name: str, service: int, payload: bytes, identity: int | None = None
    ) -> Response:
        """Ask, and wait for the answer; without an id it is one of no epoch."""
        peer = self.peers[name]
        if identity is None:
            self._count += 1
            identity = self._count
        peer.answers.pop(identity, None)
        peer.ask(identity, service, payload)
        self.run_until(lambda: identity in peer.answers)
        return peer.answers.pop(identity)

    def state(
        self, name: str, request: state.Request, identity: int | None = None
    ) -> state.Reply | None:
        """Ask of the state; None is that the gateway answered *failed*."""
        response = self.call(name, STATE, request.encode(), identity)
        assert response.status is not Outcome.REFUSED, request
        return None if response.status is Outcome.FAILED else state.decode_reply(response.payload)

    def value(self, name: str, key: str) -> bytes | None:
        """Look what is there."""
        reply = self.state(name, state.Request(state.Op.GET, key))
        assert reply is not None, key
        return reply.value if reply.status is Status.OK else None

    # Transfers, step by step.

    def begin_transfer(self, name: str, request: bytes) -> int:
        """Open a stream and say so much of a request."""
        peer = self.peers[name]
        stream = peer.open(transfer.STREAM, transfer.PRIORITY)
        assert peer.say(stream, request) == len(request), "no room"
        return stream

    def reply(self, name: str, stream: int) -> transfer.Reply:
        """Wait for the next reply of a transfer."""
        heard = self.peers[name].streams[stream]
        self.run_until(lambda: len(heard.data) >= transfer.REPLY_BYTES)
        reply = transfer.decode_reply(bytes(heard.data[: transfer.REPLY_BYTES]))
        del heard.data[: transfer.REPLY_BYTES]
        return reply

    def wait_reset(self, name: str, stream: int) -> int:
        """Wait until the guest gives a stream up; return why."""
        heard = self.peers[name].streams[stream]
        self.run_until(lambda: heard.reset is not None)
        assert heard.reset is not None
        return heard.reset

    def put(self, name: str, key: str, value: bytes, identity: int = 0) -> transfer.Reply:
        """Put a value by a transfer, as a client does; return what the guest said last."""
        peer = self.peers[name]
        request = transfer.Request(transfer.Op.PUT, identity, key, len(value))
        stream = self.begin_transfer(name, request.encode())
        reply = self.reply(name, stream)
        if reply.stage is transfer.Stage.GO_AHEAD:
            assert peer.say(stream, value) == len(value), "no room"
        peer.close(stream)
        if reply.stage is transfer.Stage.GO_AHEAD:
            reply = self.reply(name, stream)
        assert reply.stage is transfer.Stage.DONE, reply
        self._finish(name, stream)
        return reply

    def get(self, name: str, key: str) -> bytes | Status:
        """Get a value by a transfer, or the reason why not."""
        request = transfer.Request(transfer.Op.GET, 0, key)
        stream = self.begin_transfer(name, request.encode())
        reply = self.reply(name, stream)
        self.peers[name].close(stream)
        value = self._finish(name, stream)
        assert len(value) == reply.value_bytes, reply
        return value if reply.status is Status.OK else reply.status

    def _finish(self, name: str, stream: int) -> bytes:
        heard = self.peers[name].streams[stream]
        self.run_until(lambda: heard.is_closed or heard.reset is not None)
        assert heard.reset is None, f"reset, reason {heard.reset}"
        return bytes(self.peers[name].streams.pop(stream).data)

    def records(self, name: str) -> list[log.Record]:
        """Read the guest's log, up to what was there at first."""
        found: dict[int, log.Record] = {}
        since_ns, total = 0, None
        while total is None or max(found, default=0) < total:
            response = self.call(name, LOG, log.Query(since_ns, 0xFFFF).encode())
            assert response.status is Outcome.OK, response
            reply = log.decode_reply(response.payload)
            assert reply.records, "a reply without records: one always fits"
            total = reply.total if total is None else total
            found.update((record.id, record) for record in reply.records)
            since_ns = reply.records[-1].time_ns
        return [found[number] for number in sorted(found)]

    def _step(self, limit_ns: int) -> None:
        step = self.world.step(limit_ns)
        for machine, text in step.consoles:
            if machine == "guest":
                self.console += text.decode(errors="replace")
