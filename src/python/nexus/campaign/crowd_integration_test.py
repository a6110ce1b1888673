"""The largest world that a scenario may have: thirty-two real guests on several switches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from nexus.campaign.crowd import MACHINES_MAX, write_ring
from nexus.campaign.machines import Code
from nexus.campaign.prepare import prepare
from nexus.campaign.recipe import Recipe
from nexus.campaign.run import run
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE

IMAGES: Final = {
    "system": Path("src.guest/system.elf").resolve(),
    "packages": Path("testprojects.packages/packages.img").resolve(),
}
# The services that a node needs to keep sessions.
SERVICES: Final = ("logd", "policyd", "samgrd", "rngd", "bundlemgrd", "netstackd", "dsoftbusd")
SESSION: Final = "dsoftbusd: cross-vm session ok "
DELAY_US: Final = 500  # A link's, if a world does not say.
TRUNK_US: Final = 200  # Each trunk's, if a scenario does not say.
SWITCHES: Final = 4
ARRIVED: Final = ("receive", "nobuffer")

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def test_thirty_two_nodes_on_a_line_of_switches_all_keep_their_sessions(tmp_path: Path) -> None:
    path = write_ring(
        tmp_path, MACHINES_MAX, start=SERVICES, heal_ms=300, run_ms=400, switches=SWITCHES
    )
    ran = run(prepare(path, IMAGES, Code("native", INTERPRETER.read_bytes())), Recipe(seed=1))
    assert not ran.violations
    told = Counter(line.machine for line in ran.observation.lines if line.text.startswith(SESSION))
    assert told == {f"N{n}": 2 for n in range(MACHINES_MAX)}

    # The first frame of N0, to all.  All announce themselves at once: a buffer may be missing.
    events = [line.split(" ") for line in ran.trace.splitlines() if not line.startswith("#")]
    sent_ns, _, _, content = next(e for e in events if e[1:3] == ["N0", "send"])
    arrivals = {(at, to) for at, to, kind, *what in events if kind in ARRIVED and what == [content]}
    per_switch = MACHINES_MAX // SWITCHES
    for n in range(1, MACHINES_MAX):
        due_us = DELAY_US + TRUNK_US * (n // per_switch)
        assert (str(int(sent_ns) + due_us * 1000), f"N{n}") in arrivals
