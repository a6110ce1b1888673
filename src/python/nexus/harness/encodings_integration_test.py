"""Two guests whose calls are frames, and the same two whose calls are messages of the schema.

What they print and what they record of the calls is the same.  Needs the packaged images and the
compiled interpreter, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.emulator.machine import Machine
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE
from nexus.harness import arguments
from nexus.harness.loading import load_plan
from nexus.scene.engine import engine_with
from nexus.scene.machine import new_drives, options_of
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.world import World

IMAGE: Final = Path("src.guest/system.elf")
PACKAGES: Final = Path("testprojects.packages/packages.img")

CLIENT, SERVER = "A", "B"
END: Final = b"SELFTEST: end\n"
STEP_NS: Final = 10_000_000
STEPS_MAX: Final = 500

# As a log keeps them in its memory.
RECORD: Final = re.compile(
    rb"audit remote call outcome=[a-z-]+ peer=node-a service=[a-z]+ op=\d+"
    rb"|audit remote statefs [a-z]+ [a-z_ ]+ peer=node-a key=[0-9a-f]{16}"
)

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def run(world: str) -> tuple[dict[str, Counter[bytes]], set[bytes]]:
    """Run a world to its end: the lines of each node, and the records of the one that is asked."""
    images = ["--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}"]
    plan = load_plan(arguments.parse(["--world", world, *images]))
    random = KeyedRandom(plan.seed)
    machines = {
        each.label: Machine(
            options_of(
                each,
                new_drives(each),
                EntropyStream(random, each.label),
                engine_with(INTERPRETER.read_bytes()),
            )
        )
        for each in plan.machines
    }
    playing = World(machines, plan.link, random)
    consoles = dict.fromkeys(machines, b"")
    for _ in range(STEPS_MAX):
        for label, data in playing.step(playing.now_ns + STEP_NS).consoles:
            consoles[label] += data
        if all(END in console for console in consoles.values()):
            break
    lines = {label: Counter(console.splitlines()) for label, console in consoles.items()}
    return lines, set(RECORD.findall(machines[SERVER].ram.buffer))


def test_two_guests_print_and_record_the_same_in_both_encodings() -> None:
    by_frames, frame_records = run("ci/os2vm.toml")
    by_messages, message_records = run("ci/os2vm_schema.toml")
    assert by_frames[CLIENT][b"SELFTEST: remote pkgfs read ok"] == 1
    # The one line that says how.
    only = by_messages[CLIENT] - by_frames[CLIENT]
    assert only == Counter({b"dsoftbusd: calls by schema peer=node-b": 1})
    assert not by_frames[CLIENT] - by_messages[CLIENT]
    assert by_messages[SERVER] == by_frames[SERVER]
    assert message_records == frame_records
    calls = ((b"samgrd", b"6"), (b"bundlemgrd", b"1"), (b"packagefsd", b"2"))
    for service, op in calls:
        start = b"audit remote call outcome=ok peer=node-a"
        assert start + b" service=" + service + b" op=" + op in frame_records
    assert any(b"statefs put allow" in record for record in frame_records)
