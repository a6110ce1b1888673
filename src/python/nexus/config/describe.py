"""Say in words what a node's or a world's file comes to, defaults included.

    python -m nexus.config.describe FILE ...

Private keys are never shown; of public ones the whole, because that is what a peer pins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256

from nexus.config.checked import CheckedNode
from nexus.config.compile import compile_node, list_grants, list_routes, list_writers
from nexus.config.load import load_any
from nexus.config.node import Boot, DSoftBus, NodeConfig
from nexus.config.records import unpack
from nexus.config.settings import add_files
from nexus.config.world import PHASES, World
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.core.identity import service_id
from nexus.entry.program import run_program


def describe(config: CheckedNode | World) -> list[str]:
    """Describe either kind of configuration, line by line."""
    return list(_node(config) if isinstance(config, NodeConfig) else _world(config))


def _node(node: CheckedNode) -> Iterator[str]:
    machine = node.node
    yield f"node {machine.id}: {machine.mac}, image {node.boots}, {machine.ram_mib} MiB"
    yield from _boot(node.boot)
    yield f"  starts {', '.join(machine.start)}"
    if node.network is not None:
        gateway = f", gateway {node.network.gateway}" if node.network.gateway else ""
        yield f"  address {node.network.address}{gateway}"
    yield from _drives(node)
    peer = f" of {node.selftest.peer}" if node.selftest.peer else ""
    yield f"  selftest {node.selftest.mode}{peer}"
    if node.dsoftbus is not None:
        yield from _dsoftbus(node.dsoftbus)
        yield from _shares(node)
    for client, server in list_routes(node):
        yield f"  route {client} > {server}"
    for service, capability in list_grants(node):
        yield f"  grant {service} {capability}"
    yield from _blob(node)


def _boot(boot: Boot) -> Iterator[str]:
    if boot.firmware is not None:
        yield f"  firmware {boot.firmware}"
    if boot.initrd is not None:
        yield f"  initial RAM disk {boot.initrd}"
    if boot.cpu is not None:
        yield f"  processor {boot.cpu}"
    if boot.harts > 1:
        yield f"  {boot.harts} harts"
    if boot.append is not None:
        yield f"  kernel arguments {boot.append}"


def _drives(node: CheckedNode) -> Iterator[str]:
    if node.state is not None:
        content = node.state.disk or f"{node.state.disk_kib} KiB, blank"
        yield f"  state drive: {content}"
    if node.packages is not None:
        yield f"  package drive: {node.packages.image}, read-only"
    for drive in node.boot.drive:
        access = ", read-only" if drive.readonly else ""
        content = drive.image or f"{drive.disk_kib} KiB, blank"
        yield f"  drive in slot {drive.slot}: {content}{access}"


def _shares(node: CheckedNode) -> Iterator[str]:
    writers = list_writers(node)
    if "statefsd" in node.node.start and writers:
        shares = node.statefsd
        yield (
            f"  {len(writers)} of them may set keys, each up to {shares.peer_keys} and"
            f" {shares.peer_kib} KiB; {shares.reserve_keys} and {shares.reserve_kib} KiB stay free"
        )


def _dsoftbus(bus: DSoftBus) -> Iterator[str]:
    yield f"  dsoftbus port {bus.port}, public key {bus.static_key.public().hex()}"
    yield (
        f"  announces {', '.join(bus.announce) or 'no service'} every"
        f" {bus.announce_interval_ms} ms; peers expire after {bus.peer_ttl_ms} ms"
    )
    for peer in bus.peer:
        dialled = ", dialled" if peer.dial else ""
        yield f"  peer {peer.id} {peer.address}:{peer.port}{dialled}, key {peer.key.hex()}"
    yield f"  each peer may call {bus.rate.burst} at once, then {bus.rate.per_second} a second"
    for allow in bus.allow:
        yield f"  allow {allow.peer} {allow.service} {', '.join(allow.operations)}"
    if not bus.allow:
        yield "  allow nothing"


def _blob(node: CheckedNode) -> Iterator[str]:
    blob = compile_node(node)
    yield f"  blob of {len(blob)} bytes, sha256 {sha256(blob).hexdigest()}"
    names = {service_id(name): name for name in ("init", *node.node.start, *node.service)}
    for section, records in unpack(blob).items():
        size = sum(4 + len(value) for _, value in records)
        yield f"    section {names[section]}: {len(records)} records, {size} bytes"


def _world(world: World) -> Iterator[str]:
    link = world.link
    yield f"world {world.path}: seed {world.seed}, {len(world.machines)} machines"
    yield (
        f"  link {link.delay_us} us, jitter {link.jitter_us} us, loss {link.loss},"
        f" duplicate {link.duplicate}, corrupt {link.corrupt}"
    )
    for cut in link.cut:
        yield f"  cut from {cut.start_ms} ms to {cut.end_ms} ms"
    for phase in PHASES:
        count = sum(expect.phase == phase for expect in world.expect)
        yield f"  {phase}: {count} expected, {getattr(world.budget_ms, phase)} ms"
    for text in world.forbid:
        yield f"  forbidden: {text}"
    for machine in world.machines:
        yield f"machine {machine.label}: {machine.node_path}, image {machine.image}"
        for text in machine.forbid:
            yield f"  forbidden: {text}"
        yield from _node(machine.node)


def main(arguments: Sequence[str]) -> int:
    """Describe every file."""
    parser = CommandLine("nexus config describe", "Describe a configuration file in words.")
    add_files(parser)
    try:
        files = parser.parse_args(arguments).files
        lines = [line for path in files for line in describe(load_any(path))]
    except NexusError as exc:
        return fail(exc)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    run_program(main)
