"""`./pants run ci:walk_through`: follow docs/walk-through.md to the letter, as a stranger would.

In a new folder outside of the repository, with nothing of it but what `package` wrote to `dist`:

    ./pants package //:release ci:remote_cache
    ./pants run ci:walk_through             # both at once: ./pants run ci:walk_through -- --build
    ./pants run ci:walk_through -- --build --document docs/dsoftbus.md

What a document says it needs and this host does not have is left out, and the last line says so.
Exit codes: 0 the document is true; 1 it is not, as the last lines say; 20 something is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.core.given import read_given_text
from nexus.entry.program import Text, run_program
from nexus.release.document import Step, find_missing, parse
from nexus.release.shell import Shell, ShellError

# The packages that a stranger is given: patterns in `dist`, each of one file.
GIVEN: Final = ("nexus-*.tar.gz", "ci/remote_cache.pex")

# The command that makes them, in this repository.
BUILD: Final = ("./pants", "package", "//:release", "ci:remote_cache")


@dataclass(frozen=True, slots=True)
class Walk:
    """A document's beginning: what a stranger is given, and what makes it."""

    given: tuple[str, ...]
    build: tuple[str, ...]


RELEASE: Final = Walk(GIVEN, BUILD)
# By the name of the document; every other one begins as the release does.
WALKS: Final = {
    "dsoftbus.md": Walk(
        ("nexus_dsoftbus-*.whl", "src.guest/system.elf"),
        ("./pants", "package", "src/python/nexus:wheel", "src/guest:system"),
    ),
}

# The longest step installs Pants and the compiler from a package index.
STEP_SECONDS_MAX: Final = 900

# This repository's longest page has a tenth of it.
_DOCUMENT_BYTES_MAX: Final = 1 << 20

# How much of what a command printed is shown when it is not what the document says.
SHOWN_BYTES: Final = 6000


class WalkError(NexusError):
    """The walk cannot begin, or did not go as the document says."""


def main(arguments: Sequence[str]) -> int:
    """Walk; 0 if everything came as the document says."""
    parser = CommandLine("walk_through", "Follow the walk-through, command by command.")
    parser.add_argument("--document", type=Path, default=Path("docs/walk-through.md"))
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="what `package` wrote")
    parser.add_argument("--build", action="store_true", help="first package what is walked with")
    parser.add_argument(
        "--new-home", action="store_true", help="with an empty HOME: nothing is installed yet"
    )
    try:
        options = parser.parse_args(arguments)
        document = read_given_text("--document", options.document, _DOCUMENT_BYTES_MAX, "a page")
        steps = parse(document)
        beginning = WALKS.get(options.document.name, RELEASE)
        if options.build:
            build(beginning)
        given = find_given(options.dist, beginning)
    except NexusError as exc:
        return fail(exc)
    with tempfile.TemporaryDirectory(prefix="nexus-walk-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        start = folder / "start"
        start.mkdir()
        for path in given:
            shutil.copy(path, start)
        try:
            env = environment(os.environ, folder, options.new_home)
            possible, missing = divide(steps, env.get("PATH"))
            walk(possible, start, env)
        except (WalkError, ShellError) as exc:
            print(f"walk_through: {options.document}: {exc}")
            return 1
    left_out = len(steps) - len(possible)
    note = f"; {left_out} were left out, without {', '.join(missing)}" if missing else ""
    print(f"walk_through: {len(possible)} commands did what {options.document} says{note}")
    return 0


def divide(steps: Sequence[Step], path: str | None) -> tuple[list[Step], list[str]]:
    """Return the steps that this host can take, and the programs that the others need."""
    needed = sorted({step.needs for step in steps if step.needs is not None})
    missing = [name for name in needed if shutil.which(name, path=path) is None]
    return [step for step in steps if step.needs not in missing], missing


def build(beginning: Walk) -> None:
    """Make what is walked with.

    Raises:
        WalkError: that failed.
    """
    # The daemon, if there is one, runs us and nothing else until we have ended.
    environment = {**os.environ, "PANTS_PANTSD": "false"}
    if subprocess.run(beginning.build, env=environment, check=False).returncode:
        raise WalkError(f"could not build what is walked with: {' '.join(beginning.build)}")


def find_given(dist: Path, beginning: Walk = RELEASE) -> list[Path]:
    """The files a stranger starts with.

    Raises:
        WalkError: one is not there, or not the only one.
    """
    given = []
    for pattern in beginning.given:
        try:
            found = sorted(dist.glob(pattern))
        except OSError as exc:
            raise WalkError(f"--dist: cannot read {dist}: {exc.strerror}") from exc
        if len(found) != 1:
            raise WalkError(
                f"{dist}: {len(found)} files {pattern}; expected one, as made by: "
                f"{' '.join(beginning.build)}"
            )
        given.append(found[0])
    return given


def environment(given: Mapping[str, str], folder: Path, new_home: bool) -> dict[str, str]:
    """A stranger's environment: without what this repository or its Pants put there."""
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(("PANTS_", "PEX", "PYTHON", "VIRTUAL_ENV"))
    }
    # Where the daemons of the walk leave their numbers, to be stopped at its end.
    kept["PANTS_SUBPROCESSDIR"] = str(folder / "processes")
    if new_home:
        home = folder / "home"
        home.mkdir()
        # An interpreter that a user installed stays one.
        kept.setdefault("PYENV_ROOT", str(Path(kept.get("HOME", "/nonexistent")) / ".pyenv"))
        kept["HOME"] = str(home)
        for name in ("XDG_CACHE_HOME", "NEXUS_PANTS_CACHE"):
            kept.pop(name, None)
    return kept


def walk(steps: Sequence[Step], start: Path, env: Mapping[str, str]) -> None:
    """Take every step, in one shell.

    Raises:
        WalkError: a step did something else than the document says.
    """
    with Shell(start, env, Path(env["PANTS_SUBPROCESSDIR"])) as shell:
        for number, step in enumerate(steps, 1):
            print(f"[{number}/{len(steps)}] $ {step.command}", flush=True)
            exit_code, output = shell.run(step.command, STEP_SECONDS_MAX)
            if exit_code != step.exit_code:
                raise WalkError(
                    f"line {step.line}: exit code {exit_code} instead of {step.exit_code}"
                    f"\n$ {step.command}\n{output[-SHOWN_BYTES:]}"
                )
            missing = find_missing(step.expected, output)
            if missing is not None:
                raise WalkError(
                    f"line {step.line}: did not print {missing!r}"
                    f"\n$ {step.command}\n{output[-SHOWN_BYTES:]}"
                )


if __name__ == "__main__":
    run_program(main, Text.REPORT)
