"""Each kind of fault happens to the real guest when it is asked for, the same way each time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.campaign.machines import Code
from nexus.campaign.prepare import Prepared, prepare
from nexus.campaign.recipe import Recipe
from nexus.campaign.run import Ran, run
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE
from nexus.simulation.faults.kinds import KINDS, Place, Shape

IMAGES: Final = {
    "system": Path("src.guest/system.elf").resolve(),
    "packages": Path("testprojects.packages/packages.img").resolve(),
}
WORLD: Final = Path("ci/os2vm.toml").resolve()

# A sector that was not flushed when power failed is rare; drive_test.py has it.
RARE: Final = frozenset({"torn-write"})

# Where the guests give a kind something to do: B is asked, and has the disk; A dials.
AT: Final = {Place.PATH: "A>B", Place.GROUP: "A", Place.MACHINE: "B", Place.DISK: "B/2"}

HEAD: Final = f"""\
world = "{WORLD}"
text = "one kind"
[budget]
faults_from_ms = 2
heal_ms = 250
run_ms = 260
[[fault]]
chance = "1"
most = "1/2"
length_ms = [240, 248]
"""

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def prepared(folder: Path, kind: str) -> Prepared:
    """A scenario of this one kind."""
    row = KINDS[kind]
    text = f'{HEAD}kind = "{kind}"\nat = ["{AT[row.place]}"]\n'
    if kind == "mtu":
        text += "amount = [60, 60]\n"
    if row.shape is Shape.INSTANT:
        text += "until_ms = 150\n"
    path = folder / "kind.toml"
    path.write_text(text)
    return prepare(path, IMAGES, Code("native", INTERPRETER.read_bytes()))


def kinds_that_happened(ran: Ran) -> set[str]:
    """Of all events."""
    return {event.fault.partition("/")[0] for event in ran.observation.happened}


def test_a_service_that_was_killed_is_started_again(tmp_path: Path) -> None:
    ran = run(prepared(tmp_path, "service-kill"), Recipe(seed=2))
    said = [line.text for line in ran.observation.lines_of("B")]
    crashes = [text for text in said if text.startswith("init: service crashed name=")]
    assert len(crashes) == 1
    name = crashes[0].removeprefix("init: service crashed name=").split()[0]
    begun = said.index(f"init: restart {name} (1 of 3)")
    assert f"init: up {name}" in said[begun:]
    assert f"{name}: ready" in said[begun:]
    assert not ran.violations


def test_a_slow_service_leaves_its_machine_as_fast_as_it_was(tmp_path: Path) -> None:
    scenario = prepared(tmp_path, "service-slow")
    ran = run(scenario, Recipe(seed=2))
    (fault,) = ran.observation.requested
    bare = run(scenario, Recipe(seed=2, without_faults=frozenset({fault.id})))
    one, other = (
        next(line.ns for line in each.observation.lines_of("B") if line.text == "init: ready")
        for each in (ran, bare)
    )
    # Its clock goes on, and what has nothing to do with the service is no later by parts.
    assert one < other * fault.amount
    assert ran.observation.end_ns == bare.observation.end_ns


@pytest.mark.parametrize("kind", sorted(set(KINDS) - RARE))
def test_a_kind_that_is_asked_for_happens(tmp_path: Path, kind: str) -> None:
    scenario = prepared(tmp_path, kind)
    ran = run(scenario, Recipe(seed=2))
    assert kinds_that_happened(ran) == {kind}
    names = {violation.name for violation in ran.violations}
    assert "idle-fault" not in names
    bare = run(
        scenario,
        Recipe(seed=2, without_faults=frozenset(f.id for f in ran.observation.requested)),
    )
    assert not bare.violations
    assert not bare.observation.happened
    assert ran.digest != bare.digest
    assert run(scenario, Recipe(seed=2)).digest == ran.digest
