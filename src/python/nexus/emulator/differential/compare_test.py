"""The comparison finds what differs; the programs run to their end and ask every kind."""

from __future__ import annotations

import random
import struct

import pytest

from nexus.emulator.differential.compare import differences
from nexus.emulator.differential.frame import RAM_BYTES, RECORD_WORDS, frame
from nexus.emulator.differential.kernel_probes import layout
from nexus.emulator.differential.probe import Probe
from nexus.emulator.differential.probes import KINDS, draw
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.machine import Machine, MachineOptions, Stop

PLAIN = Probe("", "something")


def record(probe: int, **words: int) -> bytes:
    names = ("cause", "epc", "tval", "status", "a0", "a1", "entry")
    return struct.pack(f"<{RECORD_WORDS}Q", probe, *(words.get(name, 0) for name in names))


def found(ours: bytes, theirs: bytes, *probes: Probe) -> list[str]:
    return [str(difference) for difference in differences(ours, theirs, probes)]


def test_equal_records_do_not_differ() -> None:
    data = record(0, cause=2) + record(1, tval=3)
    assert found(data, data, PLAIN, PLAIN) == []


def test_every_word_counts() -> None:
    for name in ("cause", "epc", "tval", "status", "a0", "a1", "entry"):
        said = found(record(0, **{name: 5}), record(0, **{name: 4}), PLAIN)
        assert said == [f"probe 0: something: {name}[0] 0x5 here, 0x4 there"]


def test_a_missing_answer_is_a_difference() -> None:
    both = record(0) + record(1)
    assert found(record(0), both, PLAIN, PLAIN) == [
        "probe 1: something: 0 traps here, 1 there",
    ]
    assert found(b"", both, PLAIN, PLAIN) != []


@pytest.mark.parametrize(
    ("probe", "ours", "theirs", "differ"),
    [
        (Probe("", "", register=0x341), {"a1": 6}, {"a1": 7}, False),
        (Probe("", "", register=0x340), {"a1": 6}, {"a1": 7}, True),
        (Probe("", "", has_store_causes=True), {"cause": 15}, {"cause": 13}, False),
        (PLAIN, {"cause": 15}, {"cause": 13}, True),
        (Probe("", "", unspecified_status=8), {"status": 8}, {}, False),
        (PLAIN, {"status": 8}, {}, True),
        (PLAIN, {"status": 0x6000}, {}, False),
    ],
)
def test_only_what_is_known_is_left_out(
    probe: Probe, ours: dict[str, int], theirs: dict[str, int], differ: bool
) -> None:
    assert bool(found(record(0, **ours), record(0, **theirs), probe)) is differ


def answers_here(probes: list[Probe]) -> bytes:
    kernel = executable(assemble(frame([probe.text for probe in probes])))
    machine = Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES))
    assert machine.run(20_000_000) is Stop.FINISHED
    return machine.take_console()


@pytest.mark.parametrize("seed", range(3))
def test_every_probe_is_answered(seed: int) -> None:
    probes = draw(seed, 120)
    data = answers_here(probes)
    assert found(data, data, *probes) == []
    assert len(found(b"", data, *probes)) == len(probes)


def test_a_wrong_machine_is_found_out() -> None:
    """The answers are those of a machine with, say, a wider mscratch."""
    probes = draw(5, 60)
    data = bytearray(answers_here(probes))
    data[8 * RECORD_WORDS * 10 + 24] ^= 4
    assert len(found(bytes(data), answers_here(probes), *probes)) == 1


def test_all_kinds_are_drawn() -> None:
    first_words = {probe.asks.split()[0].rstrip(",") for probe in draw(1, 400)}
    assert {"counter", "interrupts", "read", "mret", "sret", "jalr", "word"} <= first_words
    assert len(KINDS) > len(set(KINDS)) > 8


def test_no_question_about_layouts_asks_for_an_access_that_qemu_looks_up_otherwise() -> None:
    """Such a double goes across pages, or around an entry of four bytes."""
    asked = [layout(random.Random(seed), seed).asks.split() for seed in range(2_000)]
    doubles = [int(address.rstrip(","), 16) for name, address, *_ in asked if name in ("ld", "sd")]
    assert {address % 8 for address in doubles} == {0, 4}
    assert all(address % 4096 <= 4088 for address in doubles)
