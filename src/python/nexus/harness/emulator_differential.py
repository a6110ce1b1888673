"""Asks our emulator and real QEMU the same questions about the privileged architecture.

    python -m nexus.harness.emulator_differential --programs 20 --seed 1

A seed is a program of probes (see `nexus.emulator.differential`).  It runs on the reference
interpreter, on the native one if its code is given, and on QEMU; every record must agree.
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
from nexus.emulator.differential.compare import Difference, differences
from nexus.emulator.differential.frame import RAM_BYTES, frame
from nexus.emulator.differential.probe import Probe
from nexus.emulator.differential.probes import draw
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.entry.program import Text, run_program
from nexus.harness.engine import EngineUnavailableError, HostFaultError
from nexus.harness.qemu_command import PROGRAM, check_version

EXIT_DIFFERENT: Final = 1
EXIT_HOST: Final = 21
EXIT_UNAVAILABLE: Final = 22

# The processor that has what our machine has, of the extensions that can be switched off.
CPU: Final = (
    "rv64,f=false,d=false,h=false,v=false,zba=false,zbb=false,zbc=false,zbs=false,debug=false"
)

PROBES_DEFAULT: Final = 200
PROGRAMS_DEFAULT: Final = 10
_PROBES_MAX: Final = 1000  # The records of more would not fit.
_PROGRAMS_MAX: Final = 100_000

# A program takes some ten thousand instructions; one that loops is found soon.
_BUDGET_NS: Final = 20_000_000
_QEMU_SECONDS: Final = 20
# Of one program; the rest is more of the same.
_SHOWN_MAX: Final = 10


def build(probes: Sequence[Probe]) -> bytes:
    """The program of some probes."""
    return executable(assemble(frame([probe.text for probe in probes])))


def run_here(kernel: bytes, native_blob: bytes | None) -> bytes:
    """The records of our machine; those so far, if the program did not end."""
    engine = "reference" if native_blob is None else "native"
    options = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine=engine, native_blob=native_blob
    )
    machine = Machine(options)
    if machine.run(_BUDGET_NS) is not Stop.FINISHED:
        return b""
    return machine.take_console()


def run_qemu(program: str, kernel: bytes, folder: Path) -> bytes:
    """The records of QEMU.

    Raises:
        HostFaultError: It did not run the program to its end.
    """
    path = folder / "probes.elf"
    path.write_bytes(kernel)
    words = [
        program,
        *("-M", "virt", "-cpu", CPU, "-m", f"{RAM_BYTES >> 20}M", "-bios", "none"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"),
        *("-serial", "stdio", "-kernel", str(path)),
    ]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_QEMU_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise HostFaultError(f"QEMU did not end within {_QEMU_SECONDS} s") from None
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
        raise EngineUnavailableError(f"{PROGRAM} is not on the path, so there is nobody to ask")
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return program, check_version(shown.stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = CommandLine("emulator_differential", __doc__ or "")
    parser.add_argument("--seed", type=int, default=1, help="of the first program")
    parser.add_argument("--programs", type=int, default=PROGRAMS_DEFAULT, help="how many")
    parser.add_argument("--probes", type=int, default=PROBES_DEFAULT, help="of each program")
    parser.add_argument("--native-blob", type=Path, help="the native interpreter's code")
    try:
        given = parser.parse_args(sys.argv[1:] if argv is None else argv)
        for option, value, limit in (
            ("--programs", given.programs, _PROGRAMS_MAX),
            ("--probes", given.probes, _PROBES_MAX),
        ):
            if not 0 < value <= limit:
                raise UsageError(f"{option}: {value} is not in 1..{limit}")
        blob = None if given.native_blob is None else given.native_blob.read_bytes()
        program, version = find_qemu()
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(given.seed, given.seed + given.programs)
            return compare_all(program, version, seeds, given.probes, blob, Path(folder))
    except UsageError as error:
        return _say(f"bad-configuration: {error}", EXIT_CONFIG)
    except EngineUnavailableError as error:
        return _say(f"engine-unavailable: {error}", EXIT_UNAVAILABLE)
    except (HostFaultError, OSError) as error:
        return _say(f"host-fault: {error}", EXIT_HOST)


def compare_all(
    program: str, version: str, seeds: range, count: int, blob: bytes | None, folder: Path
) -> int:
    """Compare the programs of some seeds; print each difference, and the sum."""
    different = 0
    engines: dict[str, bytes | None] = {"reference": None}
    if blob is not None:
        engines["native"] = blob
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
    return EXIT_DIFFERENT if different else 0


def _show(seed: int, engine: str, found: Sequence[Difference]) -> None:
    for difference in found[:_SHOWN_MAX]:
        print(f"seed {seed}, {engine}: {difference}")
    if len(found) > _SHOWN_MAX:
        print(f"seed {seed}, {engine}: and {len(found) - _SHOWN_MAX} more")


def _say(message: str, code: int) -> int:
    print(f"emulator_differential: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    run_program(main, Text.REPORT)
