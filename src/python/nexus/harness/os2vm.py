"""`python -m nexus.harness.os2vm`: boots a world and proves what its consoles must show."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexus.core.commandline import EXIT_CONFIG
from nexus.core.errors import UsageError
from nexus.core.text import printable
from nexus.entry.beside import NATIVE_INTERPRETER, find_beside
from nexus.entry.program import Text, run_program
from nexus.harness import arguments
from nexus.harness.arguments import Options
from nexus.harness.engine import Engine
from nexus.harness.plan import Plan
from nexus.harness.program import Program
from nexus.harness.qemu_command import BUDGET_FACTOR

if TYPE_CHECKING:
    from nexus.harness.instruments import Instruments

# In which Pants names the folder that it lays the inputs of a run out in.
_SANDBOX: Final = "NEXUS_SANDBOX"


def boot(plan: Plan, options: Options) -> Engine:
    """Power on the machines on the engine asked for; each is imported only when it is used."""
    if options.engine == "qemu":
        from nexus.harness.qemu import boot as boot_qemu

        return boot_qemu(plan)
    from nexus.harness.image_files import read_native_code, read_translations
    from nexus.harness.virtual import boot as boot_virtual
    from nexus.scene.engine import AUTO, REFERENCE, choose_engine

    native_code = read_native_code(options.native_blob or _find_interpreter(options.engine))
    translations = read_translations(options.translations)
    engine = choose_engine(options.engine, native_code, platform.machine(), translations)
    if options.engine == AUTO and engine == REFERENCE:
        reason = "was not given" if native_code is None else f"is not for {platform.machine()}"
        advice = "; name it with --native-blob" if native_code is None else ""
        print(
            f"os2vm: the slow reference interpreter runs: native code {reason}{advice}",
            file=sys.stderr,
        )
    _say_what_images_need(plan)
    instruments = _instruments(options)
    return boot_virtual(plan, engine, native_code, translations, options.debuggers, instruments)


def _instruments(options: Options) -> Instruments | None:
    if not options.covers and options.profile_every is None:
        return None
    from nexus.harness.instruments import Instruments

    return Instruments(covers=options.covers, profile_every=options.profile_every)


def _find_interpreter(engine: str) -> Path | None:
    """Find the interpreter that a release has beside its program, for engines that use it."""
    return None if engine == "reference" else find_beside(NATIVE_INTERPRETER)


def _say_what_images_need(plan: Plan) -> None:
    """Name the extensions that an image was built for and the emulator's machine lacks."""
    from nexus.emulator.elf_needs import describe_needs
    from nexus.emulator.isa.cpu import parse_cpu

    for machine in {(each.image_name, each.boot.cpu): each for each in plan.machines}.values():
        needs = describe_needs(machine.image, parse_cpu(machine.boot.cpu))
        if needs is not None:
            print(f"os2vm: note: --image {machine.image_name}: {needs}", file=sys.stderr)


def load(options: Options) -> Plan:
    """Read the files that were named."""
    from nexus.harness.loading import load_plan

    plan = load_plan(options)
    # QEMU's guests live in the host's time, and a host may be slow.
    return plan.with_budgets_times(BUDGET_FACTOR) if options.engine == "qemu" else plan


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    try:
        options = arguments.parse(sys.argv[1:] if argv is None else argv)
    except UsageError as exc:
        print(f"os2vm: bad-configuration: {printable(str(exc))}", file=sys.stderr)
        return EXIT_CONFIG
    return Program(options, load, boot, sandbox=os.environ.get(_SANDBOX, "")).run()


if __name__ == "__main__":
    run_program(main, Text.REPORT)
