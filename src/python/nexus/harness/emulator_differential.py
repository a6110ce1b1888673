"""Asks our emulator and real QEMU the same questions about privilege, and about arithmetic.

    python -m nexus.harness.emulator_differential --programs 20 --seed 1

A seed is a program of probes (see `nexus.emulator.differential`).  It runs on the reference
interpreter, on the native one if its code is given, and on QEMU; every record must agree.  A last
program tries every row of the optional extensions on so many operands.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import EXIT_CONFIG, CommandLine
from nexus.core.errors import UsageError
from nexus.core.text import printable
from nexus.emulator.differential.arithmetic import Program, rows_for
from nexus.emulator.differential.compare import Difference, differences
from nexus.emulator.differential.frame import RAM_BYTES, frame
from nexus.emulator.differential.probe import Probe
from nexus.emulator.differential.probes import draw
from nexus.emulator.differential.zcb import ZCB
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.isa.cpu import RV64IMAC, Cpu, parse_cpu
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.blob import BlobError, unpack
from nexus.entry.options import whole
from nexus.entry.program import EXIT_HOST, Text, run_program
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.image_files import read_native_code
from nexus.harness.plan import PlanError
from nexus.harness.qemu_command import (
    MISSING,
    PROGRAM,
    check_version,
    has_newer_extensions,
    qemu_cpu,
)

EXIT_DIFFERENT: Final = 1
EXIT_UNAVAILABLE: Final = 22

# The processor that has what our machine has, of the extensions that can be switched off.
CPU: Final = "rv64,f=false,d=false,h=false,v=false,zba=false,zbb=false,zbc=false,zbs=false"
# The processor on which arithmetic is tried; Zicond and Zcb came to QEMU later.
_CPU: Final = parse_cpu("rv64gc_zba_zbb_zbs")
_CPU_NEWER: Final = parse_cpu("rv64gc_zba_zbb_zbs_zicond_zcb")

PROBES_DEFAULT: Final = 200
PROGRAMS_DEFAULT: Final = 10
_PROBES_MAX: Final = 1000  # The records of more would not fit.
_PROGRAMS_MAX: Final = 100_000
_SEED_MAX: Final = (1 << 64) - 1

# A program takes some ten thousand instructions; one that loops is found soon.
_BUDGET_NS: Final = 20_000_000
# A round of arithmetic takes some seventy for each of the rows and of their rounding modes.
_BUDGET_NS_PER_ROUND: Final = 1_000_000
_ROUNDS_DEFAULT: Final = 40
_ROUNDS_MAX: Final = 10_000_000
_QEMU_SECONDS: Final = 20
_QEMU_ROUNDS_PER_SECOND: Final = 500  # A tenth of what it does.
# Differences of one program that are shown; the rest is more of the same.
_SHOWN_MAX: Final = 10


def build(probes: Sequence[Probe]) -> bytes:
    """The program of some probes."""
    return executable(assemble(frame([probe.text for probe in probes])))


def run_here(
    kernel: bytes,
    native_blob: bytes | None,
    cpu: Cpu = RV64IMAC,
    budget_ns: int = _BUDGET_NS,
) -> bytes:
    """The records of our machine; those so far, if the program did not end."""
    engine = "reference" if native_blob is None else "native"
    options = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, cpu=cpu, engine=engine, native_blob=native_blob
    )
    machine = Machine(options)
    if machine.run(budget_ns) is not Stop.FINISHED:
        return b""
    return machine.take_console()


def run_qemu(
    program: str, kernel: bytes, folder: Path, cpu: str = CPU, seconds: int = _QEMU_SECONDS
) -> bytes:
    """The records of QEMU.

    Raises:
        HostFaultError: It did not run the program to its end.
    """
    path = folder / "probes.elf"
    path.write_bytes(kernel)
    words = [
        program,
        "-M",
        "virt",
        "-cpu",
        cpu,
        "-m",
        f"{RAM_BYTES >> 20}M",
        "-bios",
        "none",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-kernel",
        str(path),
    ]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise HostFaultError(f"QEMU did not end within {seconds} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise HostFaultError(f"QEMU ended with {done.returncode}: {''.join(said)}")
    return done.stdout


def find_qemu() -> tuple[str, str]:
    """QEMU and its version.

    Raises:
        EngineUnavailableError: There is none, or it is too old.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise EngineUnavailableError(MISSING)
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return program, check_version(shown.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = CommandLine("emulator_differential", __doc__ or "")
    parser.add_argument(
        "--seed", type=whole(0, _SEED_MAX), default=1, help="seed of the first program"
    )
    parser.add_argument(
        "--programs", type=whole(1, _PROGRAMS_MAX), default=PROGRAMS_DEFAULT, help="how many"
    )
    parser.add_argument(
        "--probes",
        type=whole(1, _PROBES_MAX),
        default=PROBES_DEFAULT,
        help="instructions of each program",
    )
    parser.add_argument(
        "--rounds",
        type=whole(0, _ROUNDS_MAX),
        default=_ROUNDS_DEFAULT,
        help="rounds of arithmetic for each row; 0 for no arithmetic",
    )
    parser.add_argument(
        "--native-blob", type=Path, metavar="FILE", help="also compare the native interpreter"
    )
    try:
        given = parser.parse_args(sys.argv[1:] if argv is None else argv)
        blob = None if given.native_blob is None else _read_blob(given.native_blob)
        program, version = find_qemu()
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(given.seed, given.seed + given.programs)
            different = compare_all(program, version, seeds, given.probes, blob, Path(folder))
            if given.rounds:
                cpu = _CPU_NEWER if has_newer_extensions(version) else _CPU
                others = ZCB if "zcb" in cpu.extensions else {}
                rounds = Program(rows_for(cpu.extensions), given.seed, given.rounds, others)
                different += compare_arithmetic(program, version, rounds, blob, Path(folder))
            return EXIT_DIFFERENT if different else 0
    except (UsageError, PlanError) as error:
        return _say(f"bad-configuration: {error}", EXIT_CONFIG)
    except EngineUnavailableError as error:
        return _say(f"engine-unavailable: {error}", EXIT_UNAVAILABLE)
    except (HostFaultError, OSError) as error:
        return _say(f"host-fault: {error}", EXIT_HOST)


def _read_blob(path: Path) -> bytes:
    content = read_native_code(path)
    assert content is not None, "it was named"
    try:
        unpack(content)
    except BlobError as exc:
        raise UsageError(f"--native-blob: {path}: {exc}") from exc
    return content


def compare_all(
    program: str, version: str, seeds: range, count: int, blob: bytes | None, folder: Path
) -> int:
    """Compare the programs of some seeds; print each difference, and the sum; return it."""
    different = 0
    engines = _engines(blob)
    for seed in seeds:
        probes = draw(seed, count)
        kernel = build(probes)
        theirs = run_qemu(program, kernel, folder)
        for name, code in engines.items():
            found = list(differences(run_here(kernel, code), theirs, probes))
            different += len(found)
            _show(seed, name, found)
    asked = len(seeds) * count
    print(f"{asked} probes on QEMU {version} and {', '.join(engines)}: {different} differences")
    return different


def compare_arithmetic(
    program: str, version: str, rounds: Program, blob: bytes | None, folder: Path
) -> int:
    """Compare what the rows make of their operands; print each row that differs; return how many.

    The reference takes part where that does not take long.
    """
    kernel = executable(assemble(rounds.text))
    seconds = _QEMU_SECONDS + rounds.rounds // _QEMU_ROUNDS_PER_SECOND
    cpu = _CPU_NEWER if rounds.others else _CPU
    theirs = run_qemu(program, kernel, folder, qemu_cpu(cpu, version), seconds)
    engines = _engines(blob)
    if blob is not None and rounds.rounds > _ROUNDS_DEFAULT:
        del engines["reference"]
    budget = rounds.rounds * _BUDGET_NS_PER_ROUND
    different = 0
    for name, code in engines.items():
        found = rounds.differing(run_here(kernel, code, cpu, _BUDGET_NS + budget), theirs)
        different += len(found)
        for row in found:
            print(f"seed {rounds.seed}, {name}: {row} gives other results or flags")
    print(
        f"{len(rounds.names)} rows of {cpu}, {rounds.rounds} rounds each, on QEMU {version} and"
        f" {', '.join(engines)}: {different} differences"
    )
    return different


def _engines(blob: bytes | None) -> dict[str, bytes | None]:
    engines: dict[str, bytes | None] = {"reference": None}
    if blob is not None:
        engines["native"] = blob
    return engines


def _show(seed: int, engine: str, found: Sequence[Difference]) -> None:
    for difference in found[:_SHOWN_MAX]:
        print(f"seed {seed}, {engine}: {difference}")
    if len(found) > _SHOWN_MAX:
        print(f"seed {seed}, {engine}: and {len(found) - _SHOWN_MAX} more")


def _say(message: str, code: int) -> int:
    print(f"emulator_differential: {printable(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    run_program(main, Text.REPORT)
