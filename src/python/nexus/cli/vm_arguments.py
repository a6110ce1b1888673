"""The command line of `nexus vm run`, checked as far as it can be without reading a file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.cli.vm_boot import BootOptions, add_options, options_of
from nexus.cli.vm_cpu import add_option as add_cpu_option
from nexus.cli.vm_cpu import cpu_of
from nexus.cli.vm_drives import DriveOption, parse_drives
from nexus.cli.vm_recording import Recording, recording_of
from nexus.cli.vm_recording import add_options as add_recording
from nexus.core.commandline import CommandLine, bounded, named_paths, one_of
from nexus.core.errors import UsageError
from nexus.core.record import dataclass
from nexus.core.text import quote
from nexus.emulator.isa.cpu import Cpu
from nexus.emulator.turns import HARTS_MAX
from nexus.entry.beside import NATIVE_INTERPRETER, find_beside
from nexus.harness.engine_options import add_engine

AUTO: Final = "auto"
ENGINES: Final = (AUTO, "reference", "native", "translated", "qemu")
# Those that run generated code, which has to be handed in.
GENERATED: Final = ("native", "translated")
TRACES: Final = ("instructions", "traps")

RAM_MIB_DEFAULT: Final = 64
# The most RAM of a machine, which the emulator holds to, too (`machine_options.py`).
_RAM_BYTES_MAX: Final = 2 << 30
# More than any size that is accepted has, in bytes.
_RAM_DIGITS_MAX: Final = 20
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

_SEED_MAX: Final = (1 << 63) - 1
_INSTRUCTIONS_MAX: Final = (1 << 63) - 1

# The longest name of a file of fw_cfg, its final zero aside.
_NAME_BYTES_MAX: Final = 55

_DESCRIPTION: Final = """\
Boot one machine and connect its console.

    nexus vm run --kernel system.elf
    nexus vm run --kernel system.elf --drive disk.img --until 'init: ready'
    nexus vm run --bios default --kernel Image --initrd initrd.gz --append console=ttyS0 --ram 512

On a terminal the console is interactive: Ctrl-A x ends the run.  Otherwise it is written to the
standard output and nothing is read, unless --input names what to type.
"""

_EPILOG: Final = """\
The exit code is the guest's own (255 if it is larger), and apart from that:

     0  the guest switched the machine off, or printed the text of --until
     1  the guest ended well, but never printed the text of --until
    11  the guest asked for a reset, or is caught in a loop of traps
    13  the guest waits for ever: no timer is set, and no input comes
    15  the instructions of --max-instructions are spent
    20  an option or a file is wrong; nothing ran
    21  the host failed
    22  the engine is not here
   130  Ctrl-C, or Ctrl-A x

See docs/emulator.md.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run, read and checked."""

    boot: BootOptions
    drives: tuple[DriveOption, ...]
    ram_bytes: int
    cpu: Cpu
    harts: int
    seed: int | None
    until: bytes | None
    max_instructions: int | None
    engine: str
    native_blob: Path | None
    translations: Path | None
    translate_cache: Path | None
    is_translate_cache_asked: bool
    fw_cfg: dict[str, Path]
    script: Path | None
    snapshot: Path | None
    snapshot_out: Path | None
    trace: str | None
    trace_out: Path | None
    gdb: str | None
    recording: Recording


def parse(argv: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        UsageError: one line that names the option, the value and what is accepted.
    """
    given = _parser().parse_args(argv)
    blob = given.native_blob or find_beside(NATIVE_INTERPRETER)
    engine = one_of("--engine", given.engine, ENGINES)
    if engine == AUTO:
        # A trace of every instruction leaves nothing to generated code but the way to Python.
        engine = (
            "reference" if given.trace == "instructions" else _fastest(blob, given.translations)
        )
    if engine == "translated" and given.coverage is not None:
        engine = "native"  # Which does the same, and knows which instructions it has decoded.
    cache = given.translate_cache
    if given.no_translate_cache and cache is not None:
        raise UsageError("--no-translate-cache: does not go with --translate-cache")
    if engine == "native" and given.engine == AUTO and not given.no_translate_cache:
        cache = cache or _default_cache(given)
    options = Options(
        boot=options_of(given),
        drives=parse_drives(given.drive or ()),
        ram_bytes=_ram(given.ram),
        cpu=cpu_of(given.cpu),
        harts=bounded("--smp", given.smp, 1, HARTS_MAX) or 1,
        seed=bounded("--seed", given.seed, 0, _SEED_MAX),
        until=None if given.until is None else _until(given.until),
        max_instructions=bounded(
            "--max-instructions", given.max_instructions, 1, _INSTRUCTIONS_MAX
        ),
        engine=engine,
        native_blob=blob,
        translations=given.translations,
        translate_cache=cache,
        is_translate_cache_asked=given.translate_cache is not None,
        fw_cfg=_firmware_files(given.fw_cfg or ()),
        script=given.input,
        snapshot=given.snapshot,
        snapshot_out=given.snapshot_out,
        trace=None if given.trace is None else one_of("--trace", given.trace, TRACES),
        trace_out=given.trace_out,
        gdb=given.gdb,
        recording=recording_of(given, engine),
    )
    one_of("--net", given.net, ("none",))
    _check_together(options)
    return options


def _fastest(blob: Path | None, translations: Path | None) -> str:
    """Return the engine that `auto` means on this host; every engine gives the same bytes."""
    if blob is None:
        return "reference"
    from nexus.emulator.native.processor import host

    if host() is None:
        return "reference"
    return "native" if translations is None else "translated"


def _default_cache(given: argparse.Namespace) -> Path | None:
    """The folder of translations that `auto` has by itself; coverage has to see what is decoded."""
    if given.coverage is not None or given.trace is not None or given.gdb is not None:
        return None
    from nexus.cli.vm_translate_cache import default_folder

    return default_folder()


def _check_together(options: Options) -> None:
    """Refuse what does not go together, rather than leaving a wish unfulfilled in silence."""
    if options.trace_out is not None and options.trace is None:
        raise UsageError("--trace-out: goes with --trace")
    if options.trace is not None and options.gdb is not None:
        raise UsageError("--trace: does not go with --gdb")
    for option, path in (
        ("--snapshot", options.snapshot),
        ("--snapshot-out", options.snapshot_out),
    ):
        if path is not None and options.gdb is not None:
            raise UsageError(f"{option}: does not go with --gdb")
    if options.engine in GENERATED and options.native_blob is None:
        raise UsageError(
            f"--engine {options.engine}: its code was not given; name it with --native-blob"
        )
    sources = [options.translations, options.translate_cache]
    if options.engine == "translated" and sources == [None, None]:
        raise UsageError(
            "--engine translated: no translations were given; name their file with --translations,"
            " or a folder that fills by itself with --translate-cache"
        )
    if options.translate_cache is not None:
        if options.engine not in GENERATED:
            raise UsageError(
                f"--translate-cache: goes with --engine native or translated, not {options.engine};"
                " for native, name its code with --native-blob"
            )
        if options.translations is not None:
            raise UsageError("--translate-cache: does not go with --translations")
    if options.engine == "qemu":
        for option, value in (
            ("--seed", options.seed),
            ("--max-instructions", options.max_instructions),
            ("--trace", options.trace),
            ("--snapshot", options.snapshot),
            ("--snapshot-out", options.snapshot_out),
        ):
            if value is not None:
                raise UsageError(f"{option}: QEMU cannot do that; choose another --engine")


def _parser() -> CommandLine:
    parser = CommandLine("nexus vm run", _DESCRIPTION)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add = parser.add_argument
    add_options(parser)
    add(
        "--drive",
        action="append",
        metavar="FILE[,readonly][,slot=N]",
        help="a disk (repeatable), in slot 0 or 2 to 7; default: the first free one from 2 on",
    )
    add(
        "--ram",
        default=str(RAM_MIB_DEFAULT),
        metavar="N[K|M|G]",
        help=f"memory in MiB; default {RAM_MIB_DEFAULT}",
    )
    add_cpu_option(parser)
    add("--smp", "-smp", metavar="N", help=f"harts that take turns, 1 to {HARTS_MAX}; default 1")
    add("--seed", metavar="N", help="seed of the entropy device; default 1")
    add("--until", metavar="TEXT", help="end with 0 once the console has shown this")
    add("--max-instructions", metavar="N", help="end with 15 after N instructions")
    add_engine(parser, ENGINES, "kernel was")
    add("--translate-cache", type=Path, metavar="DIR", help="translate what is hot for later runs")
    add("--no-translate-cache", action="store_true", help="neither make nor use such translations")
    add("--net", default="none", metavar="none", help="the machine has no network")
    add("--fw-cfg", action="append", metavar="NAME=FILE", help="a firmware file (repeatable)")
    add("--input", type=Path, metavar="FILE", help="type this file's content on the console")
    add("--snapshot", type=Path, metavar="FILE", help="go on from here, with the same options")
    add("--snapshot-out", type=Path, metavar="FILE", help="save the machine when the run ends")
    add("--trace", metavar="WHAT", help=f"one of {', '.join(TRACES)}")
    add("--trace-out", type=Path, metavar="FILE", help="default: the error stream")
    add("--gdb", metavar="PORT|PATH", help="wait for a debugger on 127.0.0.1 or a unix socket")
    add_recording(parser)
    for option, words in (("--trace", TRACES), ("--net", ("none",))):
        parser.suggest(option, words)
    return parser


def _firmware_files(given: Sequence[str]) -> dict[str, Path]:
    files = named_paths("--fw-cfg", given, "NAME=FILE, such as opt/org.nexus/node=n.bin")
    for name in files:
        if not name.isprintable() or len(name.encode()) > _NAME_BYTES_MAX:
            raise UsageError(
                f"--fw-cfg: {name!r} is not a name of at most {_NAME_BYTES_MAX} printable bytes"
            )
    return files


def _until(text: str) -> bytes:
    """Return the bytes to look for, which need not be text: consoles have bytes."""
    if not text:
        raise UsageError("--until: '' is in every console; expected a text of at least 1 byte")
    if not text.strip():
        raise UsageError(f"--until: {quote(text)} is in almost every console; expected a word")
    return os.fsencode(text)


def _ram(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    number = text[:-1] if unit else text
    is_number = number.isdecimal() and len(number) <= _RAM_DIGITS_MAX
    size = int(number) * (unit or _UNITS["M"]) if is_number else 0
    if not 0 < size <= _RAM_BYTES_MAX or size % 4096:
        raise UsageError(f"--ram: {quote(text)} is not a size in 4K..2G, in MiB or with K, M or G")
    return size
