"""A Python node reads packages from a guest over the virtual switch, on a link of 1 ms each way.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

import hashlib
from operator import attrgetter
from pathlib import Path
from typing import Final

import pytest

from nexus.core.randomness import Ratio
from nexus.emulator.native_interpreter_support import (
    FOR_PROCESSORS,
    RUNS_HERE,
    native_interpreter,
)
from nexus.netstack.library import Library
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.request_cases import CASES, FILES, FOLDER, Case, Step
from nexus.scene.package_node import VirtualNode
from nexus.scene.package_scene import boot
from nexus.simulation.link import Fault, LinkOptions
from nexus.wire.gateway import Status as Outcome
from nexus.wire.packagefs import CloseRequest, Op, Status

SYSTEM: Final = Path("src.guest/system.elf")
PACKAGES: Final = Path("testprojects.packages/packages.img")
LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
CONFIG: Final = FOLDER / "node-b.toml"
DELAY_NS: Final = 1_000_000

NOISE: Final = hashlib.shake_256(b"nexus-os noise").digest(1 << 20)
# Some two hundred frames each way.
LOSSY_BYTES: Final = 16_384

NAME: Final = "pkg:/system/data/noise.bin"

# Here is one session, whose handles count on from case to case.
_CASES: Final = tuple(case for case in CASES if all(step.session == 0 for step in case.steps))


@pytest.fixture(scope="module")
def node() -> VirtualNode:
    """A node with a session; booting takes seconds, so all tests share it."""
    return start(LinkOptions(delay_ns=DELAY_NS))


def start(options: LinkOptions) -> VirtualNode:
    kernel, packages = SYSTEM.read_bytes(), PACKAGES.read_bytes()
    node = boot(CONFIG, kernel, packages, Library(LIBRARY), options, native_interpreter())
    node.wait_ready()
    return node


def test_files_are_those_that_were_packed(node: VirtualNode) -> None:
    client = PackageClient(node)
    for file in FILES:
        assert client.read_bytes(f"pkg:/{file.bundle}@{file.version}/{file.path}") == file.data
    listed = {entry.path: entry for entry in client.contents("/packages/system")}
    assert listed["data/noise.bin"].sha256 == hashlib.sha256(NOISE).hexdigest()
    assert client.stat(NAME) == listed["data/noise.bin"].size == len(NOISE)
    with client.open(NAME) as noise:
        assert noise.read(2000) == NOISE[:2000]
        assert noise.seek(-300, 2) == len(NOISE) - 300
        assert noise.read() == NOISE[-300:]


def read_time_ns(node: VirtualNode, outstanding: int, length: int) -> int:
    assert node.world is not None
    with PackageClient(node, outstanding).open(NAME) as file:
        # From the middle, so that what is asked for ahead is not counted.
        file.seek(1 << 19)
        before = node.world.now_ns
        assert file.read(length) == NOISE[1 << 19 : (1 << 19) + length]
        return node.world.now_ns - before


def test_many_outstanding_reads_are_faster_than_one(node: VirtualNode) -> None:
    one, many = read_time_ns(node, 1, 2048), read_time_ns(node, 32, 4096)
    # One at a time costs a round trip of 2 ms a block, whatever the machines do.
    assert one >= 16 * 2 * DELAY_NS
    assert many / 32 < one / 16 / 2


@pytest.mark.skipif(
    not RUNS_HERE,
    reason=f"{FOR_PROCESSORS}; the reference takes ten minutes for this",
)
def test_a_mebibyte_is_read_whole_and_ahead(node: VirtualNode) -> None:
    assert node.world is not None
    client = PackageClient(node)
    with client.open(NAME) as file:
        before = node.world.now_ns
        content = file.read()
        took_ns = node.world.now_ns - before
    listed = {entry.path: entry for entry in client.contents("pkg:/system")}
    assert hashlib.sha256(content).hexdigest() == listed["data/noise.bin"].sha256
    assert content == NOISE
    # Less than half of what the wire alone would take one at a time.
    assert took_ns < 8192 * 2 * DELAY_NS // 2, f"{took_ns} ns"


def _as_counted(step: Step, reply: bytes, opened: list[int]) -> bytes:
    """Note the handle of a reply that opens, and put the table's count in its place."""
    is_open = step.reply[3] & 0x7F == Op.OPEN and step.reply[4] == Status.OK
    if not (step.is_remote and is_open):
        return reply
    opened.append(int.from_bytes(reply[5:9], "little"))
    assert len(opened) == int.from_bytes(step.reply[5:9], "little")
    assert opened == list(range(opened[0], opened[0] + len(opened)))
    return reply[:5] + step.reply[5:9]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_a_sequence_of_the_table_has_its_replies(node: VirtualNode, case: Case) -> None:
    opened: list[int] = []
    # Across a session every step is authenticated: that is what a session is.
    for step in filter(attrgetter("is_authenticated"), case.steps):
        number = node.send(_with_handle(step.request, opened))
        response = node.receive()
        assert response.correlation == number
        assert response.status is (Outcome.OK if step.is_remote else Outcome.REFUSED)
        reply = _as_counted(step, response.payload, opened)
        assert reply.hex() == (step.reply.hex() if step.is_remote else ""), step.request
    for handle in opened:
        node.send(CloseRequest(handle).encode())
        node.receive()


def _with_handle(request: bytes, opened: list[int]) -> bytes:
    """Put the session's handle where the table counts from 1."""
    if len(request) < 8 or request[3] not in (Op.READ, Op.CLOSE):
        return request
    named = int.from_bytes(request[4:8], "little")
    is_open = 1 <= named <= len(opened)
    handle = opened[named - 1] if is_open else max(named, 0xFFFF_0000) if named else 0
    return request[:4] + handle.to_bytes(4, "little") + request[8:]


def test_the_session_lives_on(node: VirtualNode) -> None:
    assert PackageClient(node).stat("pkg:/system/build.prop") == 19
    with pytest.raises(PackageError, match="NOT_FOUND"):
        PackageClient(node).stat("pkg:/none/none")


LOSSY: Final = LinkOptions(
    delay_ns=DELAY_NS,
    jitter_ns=DELAY_NS,
    loss=Ratio(1, 25),
    duplicate=Ratio(1, 50),
    corrupt=Ratio(1, 50),
)


def read_on_a_bad_wire() -> VirtualNode:
    node = start(LOSSY)
    with PackageClient(node).open(NAME) as file:
        assert file.read(LOSSY_BYTES) == NOISE[:LOSSY_BYTES]
    return node


def test_a_bad_wire_changes_no_byte_and_the_same_run_is_the_same() -> None:
    first, again = read_on_a_bad_wire(), read_on_a_bad_wire()
    assert first.world is not None
    assert again.world is not None
    faults = {event.fault for event in first.world.faults}
    assert faults == {Fault.LOSS, Fault.DUPLICATE, Fault.CORRUPT}
    assert first.retransmissions > 0
    assert again.world.now_ns == first.world.now_ns
    assert again.world.trace.digest() == first.world.trace.digest()
