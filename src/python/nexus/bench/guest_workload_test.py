import pytest

from nexus.bench.emulator_figures import Steady, Whole
from nexus.bench.emulator_report import as_text
from nexus.bench.guest_cliff import CLIFFS, PAIRS, STORMS
from nexus.bench.guest_harts import HARTS
from nexus.bench.guest_kernel import DISK_BYTES, PROMPT, kernel_text
from nexus.bench.guest_workload import EMPTY, WORKLOADS, Workload
from nexus.emulator.board import AttachedDrive
from nexus.emulator.device.virtio_blk import MemoryDrive
from nexus.emulator.isa.cpu import RV64GC
from nexus.emulator.machine import Machine, MachineOptions, Stop

# Short enough for the reference; the rounds that remain go through every line.
_DIVISOR = 20000


def _answer(workload: Workload, divisor: int) -> bytes:
    machine = Machine(
        MachineOptions(
            kernel=workload.elf(divisor), ram_bytes=16 << 20, cpu=RV64GC, harts=workload.harts
        )
    )
    assert machine.run(1_000_000_000) is Stop.FINISHED
    assert machine.exit_code == 0
    return machine.take_console()


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_end_with_an_answer(name: str) -> None:
    answer = _answer(WORKLOADS[name], _DIVISOR)
    assert answer.strip() != _answer(EMPTY, 1).strip(), "it computed nothing"
    assert set(answer.strip()) <= set(b"ABCDEFGHIJKLMNOP.")


@pytest.mark.parametrize("name", [*CLIFFS, *STORMS])
def test_each_cliff_ends_with_a_checksum(name: str) -> None:
    assert len(_answer({**CLIFFS, **STORMS}[name], _DIVISOR).strip()) == 16


def test_code_at_a_cliff_computes_the_same_as_away_from_it() -> None:
    for cliff, plain in PAIRS.items():
        assert _answer(CLIFFS[cliff], _DIVISOR) == _answer(CLIFFS[plain], _DIVISOR)


def test_harts_compute_the_same_however_many_they_are() -> None:
    answers = {_answer(workload, _DIVISOR) for workload in HARTS.values()}
    assert len(answers) == 1
    assert answers != {_answer(EMPTY, 1)}


def test_the_foreign_kernel_reaches_its_prompt() -> None:
    options = MachineOptions(
        kernel=Workload(lambda: kernel_text(4 << 20), 1).elf(),
        ram_bytes=4 << 20,
        drives=[AttachedDrive(2, MemoryDrive(bytes(DISK_BYTES)))],
    )
    machine = Machine(options)
    assert machine.run(2_000_000_000) is Stop.FINISHED
    assert machine.take_console() == b"boot\n" + PROMPT


def test_the_report_shows_ratios_and_says_when_engines_disagree() -> None:
    engine: Steady = {
        "mips": 100.0,
        "wall_s": 1.0,
        "steady_s": 1.0,
        "rss_kib": 2048,
        "instructions": 100_000_000,
    }
    start: Whole = {"wall_s": 0.1, "cpu_s": 0.05, "rss_kib": 2048}
    text = as_text(
        {
            "host": {"cpu": "x", "system": "y", "python": "3", "qemu": "7", "date": "today"},
            "rounds": 1,
            "divisor": 1,
            "answers_agree": False,
            "workloads": {
                "calls": {"native": engine, "qemu": {**engine, "mips": 50.0}},
                "a locked word": {"native": {**engine, "steady_s": 2.0}},
                "open to machine mode": {"native": engine},
                "1 hart": {"native": engine},
                "4 harts": {"native": {**engine, "steady_s": 1.5}},
                "sstatus": {"native": engine, "qemu": {**engine, "steady_s": 3.0}},
            },
            "start": {"native": start, "qemu": {**start, "cpu_s": 0.02}},
            "debugged": {"calls": {"native": 0.9}},
            "stops": {},
            "programs": {"packaged: nexus --help": {"wall_s": 0.2, "cpu_s": 0.1, "rss_kib": 1}},
            "worlds": {"boot": {"native": {"wall_s": 2.0, "cpu_s": 1.0, "rss_kib": 1024}}},
        }
    )
    assert "100 (2.00)" in text
    assert "| a locked word, against open to machine mode | 0.50 |" in text
    assert "(3.00)" in text
    assert "| boot: wall | 2.00 |" in text
    assert "| 4 harts | 1.50 (1.50), **missed** |" in text
    assert "| at most | 1.2 |" in text
    assert "| packaged: nexus --help | 200 | 100 (5.0) |" in text
    assert "| calls | 0.90 |" in text
    assert "DISAGREE" in text
