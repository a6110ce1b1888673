import pytest

from nexus.bench.emulator_report import as_text
from nexus.bench.guest_workload import EMPTY, WORKLOADS, Workload
from nexus.emulator.machine import Machine, MachineOptions, Stop

# Short enough for the reference; the rounds that remain go through every line.
_DIVISOR = 20000


def _answer(workload: Workload, divisor: int) -> bytes:
    machine = Machine(MachineOptions(kernel=workload.elf(divisor), ram_bytes=4 << 20))
    assert machine.run(1_000_000_000) is Stop.FINISHED
    assert machine.exit_code == 0
    return machine.take_console()


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_end_with_an_answer(name: str) -> None:
    answer = _answer(WORKLOADS[name], _DIVISOR)
    assert answer.strip() != _answer(EMPTY, 1).strip(), "it computed nothing"
    assert set(answer.strip()) <= set(b"ABCDEFGHIJKLMNOP.")


def test_the_report_shows_ratios_and_says_when_engines_disagree() -> None:
    engine = {"mips": 100.0, "wall_s": 1.0, "steady_s": 1.0}
    start = {"native": {"wall_s": 0.1, "cpu_s": 0.05, "rss_kib": 2048}}
    text = as_text(
        {
            "host": {"cpu": "x", "system": "y", "python": "3", "qemu": "7", "date": "today"},
            "rounds": 1,
            "answers_agree": False,
            "workloads": {"calls": {"native": engine, "qemu": {**engine, "mips": 50.0}}},
            "start": start,
            "worlds": {"boot": {"native": {"wall_s": 2.0, "cpu_s": 1.0, "rss_kib": 1024}}},
        }
    )
    assert "100 (2.00)" in text
    assert "| boot: wall | 2.00 |" in text
    assert "DISAGREE" in text
