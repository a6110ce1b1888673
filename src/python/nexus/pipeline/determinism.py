"""`./pants run ci:determinism`: what was built and has passed, built again by another user.

Targets that are deterministic are packaged and tested in two copies of this repository: once as
this user does, with all caches, and once under another path, home, user and time zone, with none.
Every file that either leaves must be on both sides with the same bytes: images, compiled code,
logs, captures, traces, summaries.  A target that is not deterministic is planted in both copies,
and must be found: a comparison that overlooks it proves nothing.

Exit codes: 0 the same bytes; 19 not; 18 the planted target was not found; 20 wrong arguments;
21 the first side does not pass, or the machine failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nexus.core import junit
from nexus.core.commandline import CommandLine
from nexus.core.errors import UsageError
from nexus.entry.program import Text, run_program
from nexus.harness.outcome import Outcome
from nexus.pipeline import sides
from nexus.pipeline.difference import Difference, compare, relevant

# One of every kind of product, and of every kind of test that promises the same bytes.
TARGETS: Final = (
    "src/guest:system",
    "testprojects/packages:packages",
    "ci:interpreter",
    "ci:kernel_translations",
    "ci:os2vm_test",
    "testprojects/hello:test",
    "testprojects/hermetic:host_test",
    "src/guest/lib/wire:tests",
)

# How this program can end that no run can: a name and an exit code of the same table.
NOT_REPRODUCIBLE: Final = ("not-reproducible", 19)

PLANTED: Final = "planted_for_determinism"

# A build that sees things which it must not see: time, place and user.
PLANTED_BUILD: Final = """
shell_command(
    name="when_where_who",
    command="date +%s.%N > seen.txt; pwd >> seen.txt; id -u >> seen.txt",
    tools=["date", "id"],
    output_files=["seen.txt"],
)

archive(name="planted", format="tar", files=[":when_where_who"])
"""

SHELL: Final = "--backend-packages=+['pants.backend.shell']"


def main(argv: Sequence[str]) -> int:
    """Compare, and say the verdict."""
    try:
        parser = CommandLine("ci:determinism", __doc__.split("\n")[0])
        parser.add_argument("targets", nargs="*", help=f"default: {' '.join(TARGETS)}")
        parser.add_argument("--out", type=Path, default=Path("dist/determinism"))
        parser.add_argument("--root", type=Path, default=Path(), help="this repository")
        parser.add_argument("--no-plant", action="store_true", help="plant no target to be found")
        options = parser.parse_args(argv)
        for target in options.targets:
            if target.startswith("-"):
                raise UsageError(
                    f"targets: {target!r} is not an address; expected one like src/guest:system"
                )
        if not (options.root / "pants").is_file():
            raise UsageError(
                f"--root: {str(options.root)!r} has no launcher `pants`; expected a work tree"
            )
    except UsageError as exc:
        return _end(Outcome.BAD_CONFIGURATION.value, str(exc))
    folder = Path(tempfile.mkdtemp(prefix="nexus-determinism-"))
    try:
        return _compare_sides(
            folder,
            options.root.resolve(),
            options.out,
            options.targets or TARGETS,
            is_planted=not options.no_plant,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        return _end(Outcome.HOST_FAULT.value, str(exc))
    finally:
        sides.remove(folder)


def _compare_sides(
    folder: Path, root: Path, out: Path, targets: Sequence[str], *, is_planted: bool
) -> int:
    is_other = sides.can_be_other_user()
    if not is_other:
        print("NOT ANOTHER USER: this machine gives this user no user namespace", flush=True)
    built = []
    for side in (sides.first_side(folder), sides.second_side(folder, is_other)):
        sides.copy_sources(root, side.folder)
        goals = ["test", "package", *targets]
        if is_planted:
            (side.folder / PLANTED).mkdir()
            (side.folder / PLANTED / "BUILD").write_text(PLANTED_BUILD)
            goals = [SHELL, *goals, f"{PLANTED}:planted"]
        began = time.monotonic()
        done = sides.build(side, goals)
        seconds = time.monotonic() - began
        print(f"{side.name}: {len(done.files)} files, {seconds:.0f} s, {side.folder}", flush=True)
        built.append(done)
        if done.exit_code != 0:
            print(done.log[-sides.LOG_TAIL_CHARS :])
            if side.name == "first":
                return _end(Outcome.HOST_FAULT.value, "only what passes can be compared")
            return _end(NOT_REPRODUCIBLE, "passes on the first side, not on the second")
    return judge(built[0].files, built[1].files, out, is_planted=is_planted)


def judge(
    first: Mapping[str, bytes], second: Mapping[str, bytes], out: Path, *, is_planted: bool
) -> int:
    """Compare the files of both sides, leave a report and what differs, and say the verdict."""
    found = list(compare(first, second))
    planted = [each for each in found if each.file.startswith(f"{PLANTED}/")]
    others = [each for each in found if each not in planted]
    names = sorted({name for name in (*first, *second) if not name.startswith(f"{PLANTED}/")})
    _report(out, names, others)
    for each in others:
        for side, files in (("first", first), ("second", second)):
            if each.file in files:
                _write(out / side / each.file, relevant(each.file, files[each.file]))
    if others:
        for each in others[1:]:
            print(f"also different: {each.file}: {each.where}")
        return _end(NOT_REPRODUCIBLE, f"{len(others)} of {len(names)} files\n{others[0]}")
    if not names:
        return _end(Outcome.UNEXPECTED_OUTCOME.value, "the targets left no files to compare")
    if is_planted and not planted:
        return _end(Outcome.UNEXPECTED_OUTCOME.value, "what was planted to differ was not found")
    if planted:
        print(f"found what was planted: {planted[0]}")
    return _end(Outcome.PASSED.value, f"{len(names)} files are the same, byte for byte")


def _report(out: Path, names: Sequence[str], differences: Sequence[Difference]) -> None:
    """Write JUnit, one case a file."""
    by_file = {each.file: each for each in differences}
    report = junit.document("determinism", [_case(name, by_file.get(name)) for name in names])
    _write(out / "junit.xml", report.encode())


def _case(name: str, found: Difference | None) -> junit.Case:
    case = junit.Case(classname="determinism", name=name)
    return case if found is None else replace(case, failure=found.where, detail=str(found))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _end(outcome: tuple[str, int], text: str) -> int:
    name, code = outcome
    print(f"determinism: {name}: {text}", file=sys.stderr if code else sys.stdout, flush=True)
    return code


if __name__ == "__main__":
    run_program(main, Text.REPORT)
