"""A guest dials a Python node over the virtual switch, and calls it on streams."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.config.keys import derive_test_secret
from nexus.config.load import load_node
from nexus.core.randomness import KeyedRandom, Ratio
from nexus.dsoftbus.carrier import Mode
from nexus.emulator.machine import Machine
from nexus.netstack.library import Library
from nexus.scene.answering_node import AnsweringNode
from nexus.scene.engine import REFERENCE, EngineCode
from nexus.scene.guest import guest_of
from nexus.scene.machine import options_of
from nexus.scene.place import place_of_guest, place_of_peer
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.link import LinkOptions
from nexus.simulation.world import World

SYSTEM: Final = Path("src.guest/system.elf")
LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
END: Final = b"SELFTEST: remote query ok\n"
PATIENCE_NS: Final = 30_000_000_000
REACTION_NS: Final = 250_000

CONFIG: Final = """
[node]
id = "node-a"
mac = "52:54:00:12:34:0a"

[network]
address = "10.42.0.10/24"

[dsoftbus]
static_key = { test_seed = "node-a" }
port = 34567

[[dsoftbus.peer]]
id = "node-b"
address = "10.42.0.11"
port = 40000
public_key = { test_seed = "node-b" }
dial = true

[selftest]
mode = "client"
streams = true
peer = "node-b"
"""


def run(config: Path, options: LinkOptions) -> tuple[AnsweringNode, bytes, str]:
    """Boot the guest beside a node that answers, until it has said what it is to say."""
    settings = load_node(config)
    random = KeyedRandom(1)
    guest = Machine(
        options_of(
            guest_of(settings, SYSTEM.read_bytes()),
            [],
            EntropyStream(random, "A"),
            EngineCode(REFERENCE),
        )
    )
    assert settings.dsoftbus is not None
    (peer,) = settings.dsoftbus.peer
    node = AnsweringNode(
        Library(LIBRARY),
        place_of_peer(peer, bytes.fromhex("52540012340b")),
        derive_test_secret(peer.id),
        place_of_guest(settings),
    )
    world = World({"A": guest, "B": node.host}, options, random)
    console = b""
    while END not in console:
        assert world.now_ns < PATIENCE_NS, console.decode()
        step = world.step(world.now_ns + REACTION_NS)
        console += b"".join(text for _, text in step.consoles)
    return node, console, world.trace.text()


# A session is too short for losses in all of its parts: those are for the test of packages.
ROUGH: Final = LinkOptions(
    delay_ns=500_000,
    jitter_ns=2_000_000,
    loss=Ratio(1, 25),
    duplicate=Ratio(1, 3),
)


def test_a_guest_dials_a_python_node_and_calls_it_on_streams(tmp_path: Path) -> None:
    config = tmp_path / "node-a.toml"
    config.write_text(CONFIG)
    node, console, trace = run(config, LinkOptions(delay_ns=500_000))
    assert node.mode is Mode.STREAMS
    assert node.asked[:2] == [1, 2]
    # The ladder is declined, and that is not a failure.
    assert node.unknown_streams == ["crossvm/control", "crossvm/bulk"]
    assert b"mux crossvm" not in console
    assert b"dsoftbusd: cross-vm session ok node-b\n" in console
    assert b"SELFTEST: remote resolve ok\n" in console
    # The same run has the same words and the same frames.
    again, text, frames = run(config, LinkOptions(delay_ns=500_000))
    assert (again.asked, text, frames) == (node.asked, console, trace)


def test_a_wire_that_repeats_and_reorders_changes_no_answer(tmp_path: Path) -> None:
    config = tmp_path / "node-a.toml"
    config.write_text(CONFIG)
    node, console, trace = run(config, ROUGH)
    assert trace.count(" fault-duplicate A>B") > 1
    assert trace.count(" fault-duplicate B>A") > 1
    assert node.mode is Mode.STREAMS
    assert node.asked[:2] == [1, 2]
    assert b"SELFTEST: remote resolve ok\n" in console
