"""`./pants run ci:linux`: boots an unmodified Debian kernel, alone and in pairs.

    ./pants run ci:linux
    ./pants run ci:linux -- --only shell --only disk

Kernel, busybox and OpenSBI come from Debian by apt, with checked digests, into a folder of their
own; nothing is installed.  Where they cannot be had, one line says why, every case counts as
skipped, and the exit code is 0.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail, one_of
from nexus.core.errors import NexusError, UsageError
from nexus.core.given import read_given
from nexus.core.text import printable
from nexus.emulator.machine import Stop
from nexus.emulator.native.processor import HOSTS
from nexus.entry.beside import NATIVE_INTERPRETER, find_beside
from nexus.entry.program import Text, run_program
from nexus.linux import fetch, report, single, store
from nexus.linux.fetch import FetchError
from nexus.linux.guest import FILE_DIGEST, SHELL_MARKER, Guest
from nexus.linux.pair import WORLDS, Left, play
from nexus.linux.report import Case

OUT_DEFAULT: Final = Path("dist/linux")
_EXIT_FAILED: Final = 1
_HARTS: Final = 4
_BLOB_BYTES_MAX: Final = 1 << 26

_INTERPRETER: Final = ("ci:interpreter", Path("dist/ci") / NATIVE_INTERPRETER)
_NEVER_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run, as its caller gave them."""

    cases: tuple[str, ...]
    folder: Path
    mirror: str
    native_blob: Path | None
    out: Path


@dataclass(frozen=True, slots=True)
class Bench:
    """The files and folders that the cases work with."""

    files: dict[str, Path]
    native_blob: Path
    out: Path
    root: Path

    @property
    def guest(self) -> Guest:
        """The guest's content."""
        return Guest(*(self.files[name].read_bytes() for name in store.NAMES))

    @property
    def engine(self) -> single.Engine:
        """The engine that runs single machines."""
        return single.Engine(native_blob=self.native_blob.read_bytes())


def try_shell(bench: Bench) -> Case:
    """Firmware, kernel and modules, up to a shell."""
    ended = single.run(bench.guest, bench.engine, until=SHELL_MARKER)
    (bench.out / "shell.log").write_bytes(ended.console)
    seconds = ended.virtual_ns / _NS_PER_S
    said = f"{ended.instructions} instructions, {seconds:.2f} s of virtual time"
    return Case("shell", said, has_failed=SHELL_MARKER not in ended.lines)


def try_harts(bench: Bench) -> Case:
    """The same on four harts, which take turns."""
    ended = single.run(bench.guest, bench.engine, until=SHELL_MARKER, harts=_HARTS)
    (bench.out / "harts.log").write_bytes(ended.console)
    is_proven = f"linux: harts {_HARTS}" in ended.lines and SHELL_MARKER in ended.lines
    seconds = ended.virtual_ns / _NS_PER_S
    said = f"{ended.instructions} instructions, {seconds:.2f} s of virtual time"
    return Case("harts", said, has_failed=not is_proven)


def try_disk(bench: Bench) -> Case:
    """Write to ext4, sync, reboot, read, switch off."""
    disk = bytearray(bench.files[store.DISK].read_bytes())
    written = single.run(bench.guest, bench.engine, role="write", disk=disk)
    read = single.run(bench.guest, bench.engine, role="read", disk=disk)
    (bench.out / "disk.log").write_bytes(written.console + read.console)
    proofs = (
        ("wrote", f"linux: wrote {FILE_DIGEST}" in written.lines),
        ("reboot", written.stop is Stop.RESET),
        ("read", f"linux: read {FILE_DIGEST}" in read.lines),
        ("clock", "linux: 2026" in read.lines),
        ("power-off", (read.stop, read.exit_code) == (Stop.FINISHED, 0)),
    )
    missing = [name for name, is_proven in proofs if not is_proven]
    said = f"missing: {', '.join(missing)}" if missing else "write, sync, reboot, read, power-off"
    return Case("disk", said, has_failed=bool(missing))


def try_pair(bench: Bench) -> Case:
    """Two machines, twice: the same bytes in logs, capture, trace and disks."""
    first, second = (_play(bench, "world", out) for out in ("pair", "pair-again"))
    if first.exit_code or second.exit_code:
        said = f"os2vm ended with {first.exit_code} and {second.exit_code}"
        return Case("pair", said, has_failed=True)
    names = sorted({*first.digests, *second.digests})
    different = [it for it in names if first.digests.get(it) != second.digests.get(it)]
    if different:
        return Case("pair", f"two runs differ in {', '.join(different)}", has_failed=True)
    return Case("pair", f"two runs have the same {', '.join(names)}")


def try_lossy(bench: Bench) -> Case:
    """The same with every twentieth frame lost."""
    return _try_world(bench, "lossy")


def try_power_cut(bench: Bench) -> Case:
    """The file survives a loss of power after the sync."""
    return _try_world(bench, "power-cut")


CASES: Final[Mapping[str, Callable[[Bench], Case]]] = {
    "shell": try_shell,
    "harts": try_harts,
    "disk": try_disk,
    "pair": try_pair,
    "lossy": try_lossy,
    "power-cut": try_power_cut,
}


def _try_world(bench: Bench, name: str) -> Case:
    left = _play(bench, name, name)
    return Case(name, f"os2vm ended with {left.exit_code}", has_failed=left.exit_code != 0)


def _play(bench: Bench, name: str, out: str) -> Left:
    images = {
        "opensbi": bench.files["firmware"],
        "linux": bench.files["kernel"],
        "initrd": bench.files["initrd"],
        "disk": bench.files[store.DISK],
    }
    world = bench.root / WORLDS / f"{name}.toml"
    return play(world, images, bench.native_blob, bench.out / out)


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    try:
        options = parse(argv)
        return run(options)
    except NexusError as error:
        return fail(error)


def parse(argv: Sequence[str]) -> Options:
    """Read the command line.

    Raises:
        UsageError: one line that names the option, the value and what is accepted.
    """
    parser = CommandLine("linux", __doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--only", action="append", metavar="CASE", help=f"one of {', '.join(CASES)} (repeatable)")
    add(
        "--folder",
        type=Path,
        metavar="DIR",
        help="the folder that keeps packages; default: ~/.cache/nexus-linux",
    )
    add(
        "--mirror", default=fetch.MIRROR_DEFAULT, metavar="URL", help="address of the Debian mirror"
    )
    add(
        "--native-blob",
        type=Path,
        metavar="PATH",
        help="native interpreter; default: Pants makes it",
    )
    add(
        "--out",
        type=Path,
        default=OUT_DEFAULT,
        metavar="DIR",
        help="the folder for logs and the report",
    )
    parser.suggest("--only", CASES)
    given = parser.parse_args(list(argv))
    if given.native_blob is not None:
        # Before packages are fetched, which takes a while.
        accepted = "the native interpreter's code"
        read_given("--native-blob", given.native_blob, _BLOB_BYTES_MAX, accepted)
    return Options(
        cases=tuple(one_of("--only", name, tuple(CASES)) for name in given.only or CASES),
        folder=(given.folder or store.default_folder()).absolute(),
        mirror=given.mirror,
        native_blob=given.native_blob,
        out=given.out,
    )


def run(options: Options) -> int:
    """Try every case, say what came of it, and leave a report."""
    options.out.mkdir(parents=True, exist_ok=True)
    cases = list(_try_all(options))
    (options.out / "junit.xml").write_text(report.build(cases), encoding="utf-8")
    for case in cases:
        verdict = "failed" if case.has_failed else "NOT TRIED" if case.is_skipped else "passed"
        print(f"linux: {case.name}: {verdict}: {printable(case.said)}")
    return _EXIT_FAILED if any(case.has_failed for case in cases) else 0


def _try_all(options: Options) -> Iterator[Case]:
    try:
        bench = prepare(options)
    except FetchError as error:
        print(f"linux: NOT TRIED: {printable(str(error))}")
        for name in options.cases:
            yield Case(name, str(error), is_skipped=True)
        return
    for name in options.cases:
        yield CASES[name](bench)


def prepare(options: Options) -> Bench:
    """Get everything together.

    Raises:
        FetchError: Something cannot be had on this host.
    """
    if platform.machine() not in HOSTS:
        raise FetchError(f"native code is for {', '.join(HOSTS)}, not {platform.machine()}")
    packages = fetch.fetch(options.folder, options.mirror)
    for package in packages.values():
        print(f"linux: {package.describe()}")
    files = store.make(Path.cwd() / store.FETCHED, packages)
    return Bench(files, _interpreter(options.native_blob), options.out, Path.cwd())


def _interpreter(given: Path | None) -> Path:
    """Find the native interpreter, or let Pants make it."""
    found = given or find_beside(NATIVE_INTERPRETER)
    if found is not None:
        return found
    target, path = _INTERPRETER
    # The Pants that may be running this program has its variables, and its daemon is busy.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _NEVER_PASSED_ON and not name.startswith("PEX")
    }
    command = ["./pants", "--no-pantsd", "--concurrent", "package", target]
    try:
        subprocess.run(command, env=environment, stdout=sys.stderr, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(
            f"--native-blob: not given, and Pants does not make it: {error}"
        ) from error
    return path


if __name__ == "__main__":
    run_program(main, Text.REPORT)
