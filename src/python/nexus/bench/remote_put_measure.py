"""Requests of one guest to another, and where each spent its virtual time."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from nexus.core.randomness import KeyedRandom
from nexus.emulator.elf import parse
from nexus.emulator.inspect import read_memory
from nexus.emulator.machine import Machine
from nexus.emulator.reference import state as s
from nexus.harness import arguments
from nexus.harness.loading import load_plan
from nexus.harness.plan import Plan
from nexus.image import bootfs
from nexus.scene.engine import engine_with
from nexus.scene.machine import new_drives, options_of
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.world import SentFrame, World

CLIENT: Final = "A"
SERVER: Final = "B"
LINK: Final = "link"
KERNEL: Final = "kernel"
NOBODY: Final = "nobody"
BUS: Final = "dsoftbusd"
CIPHERS: Final = "ciphers"

STEP_NS: Final = 100
COARSE_NS: Final = 1_000_000
# Guests that do not end.
END_NS: Final = 20 * 10**9

TAG_BYTES: Final = 16
_ETHERNET_BYTES: Final = 14
_TCP: Final = 6

_REQUEST: Final = re.compile(rb"remote_put: (\w+) from (\d+) to (\d+) ns\n")
_CIPHER: Final = re.compile(rb"remote_put: message (\d+) sealed (\d+) opened (\d+) ns\n")
_END: Final = b"remote_put: end\n"


@dataclass(slots=True)
class Request:
    """One request: the time in ns that it spent in each part, and then on each machine."""

    name: str
    begun_ns: int
    ended_ns: int
    parts: dict[str, dict[str, int]] = field(default_factory=dict)
    messages: list[int] = field(default_factory=list)  # Lengths, without tags.

    @property
    def whole_ns(self) -> int:
        """The client's wait, in ns."""
        return self.ended_ns - self.begun_ns

    def total(self, part: str) -> int:
        """The share of a part in it, on both machines, in ns."""
        return sum(self.parts.get(part, {}).values())

    def charge(self, part: str, place: str, ns: int) -> None:
        """Add to a part."""
        places = self.parts.setdefault(part, {})
        places[place] = places.get(place, 0) + ns


@dataclass(frozen=True, slots=True)
class Ciphers:
    """The time to seal and to open a message, by its length."""

    lengths: list[int]
    seal_ns: list[int]
    open_ns: list[int]

    def cost_ns(self, length: int) -> tuple[int, int]:
        """Return what both take, between two measured lengths in proportion."""
        index = min(max(bisect_left(self.lengths, length), 1), len(self.lengths) - 1)
        low, high = self.lengths[index - 1 : index + 1]
        share = (length - low) / (high - low)
        seal, opened = (
            round(costs[index - 1] + share * (costs[index] - costs[index - 1]))
            for costs in (self.seal_ns, self.open_ns)
        )
        return seal, opened


class Rig:
    """The two machines, at time 0."""

    def __init__(self, plan: Plan, native: bytes | None) -> None:
        random = KeyedRandom(plan.seed)
        self.machines = {
            each.label: Machine(
                options_of(
                    each,
                    new_drives(each),
                    EntropyStream(random, each.label),
                    engine_with(native),
                )
            )
            for each in plan.machines
        }
        self.world = World(self.machines, plan.link, random)
        self._names: dict[tuple[str, int], str] = {}
        self._texts = _texts_of(plan.machines[0].image)

    def part_of(self, label: str) -> str:
        """Say which program a machine executes: none, the kernel, or a service."""
        machine = self.machines[label]
        state = machine.hart.state
        if state[s.WAITING]:
            return NOBODY
        if state[s.PRIVILEGE] != s.USER:
            return KERNEL
        space = label, state[s.SATP]
        if space not in self._names:
            self._names[space] = self._identify(machine)
        return self._names[space]

    def _identify(self, machine: Machine) -> str:
        """Find the service by its code."""
        for name, (address, text) in self._texts.items():
            if read_memory(machine, address, len(text)) == text:
                return name
        return "unknown"


def waited_us(world: Path, image: Path, native_blob: Path | None, name: str) -> float:
    """Run the world once; the median of how long its client waited for requests of this name."""
    plan, native = _plan_of(world, image, native_blob)
    requests = _requests_in(_console_of(Rig(plan, native)))
    return median(each.whole_ns for each in requests if each.name == name) / 1000


def _plan_of(world: Path, image: Path, native_blob: Path | None) -> tuple[Plan, bytes | None]:
    given = ["--world", str(world), "--image", f"system={image}"]
    native = native_blob.read_bytes() if native_blob else None
    return load_plan(arguments.parse(given)), native


def _requests_in(console: bytes) -> list[Request]:
    return [
        Request(name.decode(), int(begun), int(ended))
        for name, begun, ended in _REQUEST.findall(console)
    ]


def measure(world: Path, image: Path, native_blob: Path | None) -> list[Request]:
    """Run the world once to know when requests were made, and once more to watch them."""
    plan, native = _plan_of(world, image, native_blob)
    console = _console_of(Rig(plan, native))
    requests = _requests_in(console)
    rows = [tuple(map(int, row)) for row in _CIPHER.findall(console)]
    ciphers = Ciphers(*(list(column) for column in zip(*rows, strict=True)))
    assert requests, console.decode()
    rig = Rig(plan, native)
    for request in requests:
        while rig.world.now_ns < request.begun_ns:
            rig.world.step(min(request.begun_ns, rig.world.now_ns + COARSE_NS))
        _watch(rig, request, plan.link.delay_ns, ciphers)
    return requests


def _console_of(rig: Rig) -> bytes:
    console = b""
    while _END not in console:
        assert rig.world.now_ns < END_NS, console.decode()
        step = rig.world.step(rig.world.now_ns + COARSE_NS)
        console += b"".join(data for label, data in step.consoles if label == CLIENT)
    return console


def _watch(rig: Rig, request: Request, delay_ns: int, ciphers: Ciphers) -> None:
    """Advance through a request, find the part that has each moment, and charge it."""
    world = rig.world
    seen: list[tuple[int, int, dict[str, str]]] = []
    frames: list[SentFrame] = []
    while world.now_ns < request.ended_ns:
        begun_ns = world.now_ns
        frames += world.step(min(begun_ns + STEP_NS, request.ended_ns)).frames
        at = {label: rig.part_of(label) for label in rig.machines}
        seen.append((begun_ns, world.now_ns, at))
    question, answer = _way_of(frames, delay_ns)
    stretches = (
        (request.begun_ns, question.sent_ns, CLIENT),
        (question.sent_ns, question.sent_ns + delay_ns, LINK),
        (question.sent_ns + delay_ns, answer.sent_ns, SERVER),
        (answer.sent_ns, answer.sent_ns + delay_ns, LINK),
        (answer.sent_ns + delay_ns, request.ended_ns, CLIENT),
    )
    for first_ns, last_ns, place in stretches:
        assert first_ns <= last_ns, f"{place}: {first_ns} to {last_ns} ns"
        if place == LINK:
            request.charge(LINK, "wire", last_ns - first_ns)
            continue
        for begun_ns, ended_ns, at in seen:
            shared_ns = min(ended_ns, last_ns) - max(begun_ns, first_ns)
            if shared_ns > 0:
                request.charge(at[place], place, shared_ns)
    _tell_ciphers(request, (question, answer), ciphers)


def _way_of(frames: list[SentFrame], delay_ns: int) -> tuple[SentFrame, SentFrame]:
    """Find the frame that brought the request, and the one that brought the answer."""
    talking = [frame for frame in frames if _payload_of(frame.frame)]
    answer = next(frame for frame in talking if frame.machine == SERVER)
    arrived_ns = answer.sent_ns - delay_ns
    questions = [f for f in talking if f.machine == CLIENT and f.sent_ns <= arrived_ns]
    return questions[-1], answer


def _tell_ciphers(request: Request, way: tuple[SentFrame, ...], ciphers: Ciphers) -> None:
    """Take what the ciphers took out of what dsoftbusd had."""
    for frame in way:
        other = SERVER if frame.machine == CLIENT else CLIENT
        for length in _messages_of(_payload_of(frame.frame)):
            request.messages.append(length)
            for place, ns in zip((frame.machine, other), ciphers.cost_ns(length), strict=True):
                request.charge(CIPHERS, place, ns)
                request.charge(BUS, place, -ns)
                assert request.parts[BUS][place] >= 0, f"{BUS} on {place}: less than its ciphers"


def _payload_of(frame: bytes) -> bytes:
    """Return what a frame has of a TCP stream."""
    packet = frame[_ETHERNET_BYTES:]
    if frame[12:14] != b"\x08\x00" or packet[9] != _TCP:
        return b""
    header = (packet[0] & 15) * 4
    total = int.from_bytes(packet[2:4], "big")
    return packet[header + (packet[header + 12] >> 4) * 4 : total]


def _messages_of(stream: bytes) -> list[int]:
    """Return the lengths of the session's messages, each behind its own length (session.md)."""
    lengths = []
    while stream:
        size = int.from_bytes(stream[:2], "big")
        assert TAG_BYTES <= size <= len(stream) - 2, "a message goes on in another frame"
        lengths.append(size - TAG_BYTES)
        stream = stream[2 + size :]
    return lengths


def _texts_of(image: bytes) -> dict[str, tuple[int, bytes]]:
    """Return address and code of every service in a system image."""
    archives = [seg.data for seg in parse(image).segments if seg.data.startswith(bootfs.MAGIC)]
    texts = {}
    for name, content in bootfs.unpack(archives[0]).items():
        text = min(parse(content).segments, key=lambda segment: segment.address)
        texts[name] = text.address, text.data
    return texts
