"""A guest and the peers of its configuration, on one virtual switch; and calls that wait.

Everything happens in virtual time, so the same steps give the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from nexus.config.compile import compile_node
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_node
from nexus.contract.node import FIRMWARE_FILE
from nexus.core.randomness import KeyedRandom
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.machine import Machine, MachineOptions
from nexus.netstack.library import Library
from nexus.remotefs.package.virtual.switch_node import Place
from nexus.remotefs.state.virtual.peer import VirtualPeer
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
_CONFIG_FILE: Final = FIRMWARE_FILE
_STATE_SLOT: Final = 2
_LINK: Final = LinkOptions(delay_ns=1_000_000)

# Who waits for something looks this often whether it has come.
_REACTION_NS: Final = 250_000

# How long the power is off: longer than a peer that is not heard is dialled.
_OFF_NS: Final = 2_000_000_000

# Virtual time in which a guest that is well has long answered.
_PATIENCE_NS: Final = 20_000_000_000


class FlushedDrive(MemoryDrive):
    """A drive that can lose what was not flushed."""

    def __init__(self, content: bytes) -> None:
        """Begin with what is flushed."""
        super().__init__(content)
        self._flushed = content

    def flush(self) -> None:
        """From now on no cut can take what is there."""
        self._flushed = bytes(self.content)

    def lose_unflushed(self) -> None:
        """Be as a cut leaves a disk that had written nothing of its own accord."""
        self.content[:] = self._flushed


class Scene:
    """The world, and the calls of its peers."""

    def __init__(
        self, config: Path, kernel: bytes, library: Library, native_blob: bytes | None = None
    ) -> None:
        """Switch the guest on; a peer has the name and the test key of the configuration."""
        settings = load_node(config)
        bus, network = settings.dsoftbus, settings.network
        assert bus is not None, "the guest needs a bus"
        assert network is not None, "the guest needs a network"
        self.disk = FlushedDrive(b"")
        if settings.state is not None:
            assert settings.state.disk_kib is not None, "the guest's disk begins empty"
            self.disk = FlushedDrive(bytes(settings.state.disk_kib << 10))
        random = KeyedRandom(_SEED)

        def switch_on(life: str) -> Machine:
            has_disk = settings.state is not None
            return Machine(
                MachineOptions(
                    kernel=kernel,
                    ram_bytes=settings.node.ram_mib << 20,
                    fw_cfg={_CONFIG_FILE: compile_node(settings)},
                    drives=[AttachedDrive(_STATE_SLOT, self.disk, False)] if has_disk else [],
                    mac=settings.node.mac_bytes,
                    entropy=EntropyStream(random, life),
                    engine="reference" if native_blob is None else "native",
                    native_blob=native_blob,
                )
            )

        self._switch_on = switch_on
        place = Place(
            device_id=settings.node.id,
            mac=settings.node.mac_bytes,
            ip=network.interface.ip,
            port=bus.port,
            public=public_key_of(bus.static_key.secret()),
        )
        self.peers: dict[str, VirtualPeer] = {}
        for number, peer in enumerate(bus.peer, 1):
            secret = derive_test_secret(peer.id)
            own = replace(
                place,
                device_id=peer.id,
                mac=b"\x52\x54\x00\x12\x35" + bytes([number]),
                ip=IPv4Address(peer.address),
                port=peer.port,
                public=public_key_of(secret),
            )
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
            self.disk.lose_unflushed()
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
