"""Runs of Pants in clones of this repository: how long, which processes, and what a cache answered.

What ran is read from the work units that Pants writes at the end of a run, not from its output.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NotRequired, TypedDict

from nexus.bench.started import RunFailedError, started

# The longest is a cold build, some minutes; one that hangs must not hang the benchmark.
_RUN_SECONDS_MAX: Final = 3600

_WORK_UNITS: Final = (
    "--backend-packages=+['pants.backend.experimental.tools.workunit_logger']",
    "--workunit-logger-enabled",
)
# The variables of a machine that reach a measured run.
_KEPT: Final = ("LANG", "LC_ALL", "PATH", "PYENV_ROOT")
# The variables that pipelines add to it.
PIPELINE: Final = {"CI": "true", "PANTS_CONFIG_FILES": "pants.ci.toml"}
_ADDRESS: Final = re.compile(r"\S+:\S+")
_COUNTER: Final = re.compile(r"^  ([a-z_]+): (\d+)$", re.MULTILINE)
_SCHEDULING: Final = "Scheduling: "


@dataclass(frozen=True, slots=True)
class PipelineProcess:
    """One process that Pants wanted: what it is, where its result came from, how long it took."""

    description: str
    source: str  # Ran, HitLocally, HitRemotely, Memoized
    elapsed_ms: int
    # Instants of the machine's clock, so waiting counts, too.
    began_s: float = 0.0
    ended_s: float = 0.0

    @property
    def ran(self) -> bool:
        """Whether it was run, here and now."""
        return self.source == "Ran"


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """A finished run."""

    seconds: float
    log: str
    processes: tuple[PipelineProcess, ...]

    def counter(self, name: str) -> int:
        """Sum of a counter of `[stats]`; zero if the log lacks it."""
        return sum(int(value) for key, value in _COUNTER.findall(self.log) if key == name)


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone of what is committed, and the environment in which Pants runs in it."""

    folder: Path
    environment: Mapping[str, str]

    def pants(self, *arguments: str, watched: bool = False) -> PipelineRun:
        """Run Pants; `watched` also collects its processes, and costs a little.

        Raises:
            RunFailedError: It did not succeed.
        """
        with tempfile.TemporaryDirectory(prefix="nexus-work-units-") as name:
            watching = (*_WORK_UNITS, f"--workunit-logger-logdir={name}") if watched else ()
            seconds, log = self._run(*watching, *arguments)
            # Not in the clone, whose daemon would look at its sources again.
            texts = [path.read_text(encoding="utf-8") for path in sorted(Path(name).glob("*.json"))]
        return PipelineRun(seconds, log, parse_work_units(texts))

    def _run(self, *arguments: str) -> tuple[float, str]:
        began = time.perf_counter()
        done = subprocess.run(
            [str(self.folder / "pants"), *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_RUN_SECONDS_MAX,
            check=False,
        )
        seconds = time.perf_counter() - began
        log = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            raise RunFailedError(
                f"pants {' '.join(arguments)}: exit code {done.returncode}\n{log[-2000:]}"
            )
        return seconds, log

    def addresses(self, *arguments: str) -> frozenset[str]:
        """List the addresses that a goal such as `dependents` prints, a line each."""
        found = self.pants("--no-stats-log", "-lwarn", *arguments)
        # The log has Pants's own warnings, too.
        return frozenset(line for line in found.log.splitlines() if _ADDRESS.fullmatch(line))

    def stop_daemon(self) -> None:
        """End the clone's daemon, if it has one."""
        for path in self.folder.glob(".pids/*/pantsd/pid"):
            with suppress(ValueError, ProcessLookupError):
                os.kill(int(path.read_text(encoding="ascii")), signal.SIGTERM)


class _Metadata(TypedDict, total=False):
    source: str
    total_elapsed_ms: int


class _WorkUnit(TypedDict):
    """A work unit in the JSON of Pants; its times are split into seconds and nanoseconds."""

    name: str
    description: str
    metadata: _Metadata
    start_secs: int
    start_nanos: int
    duration_secs: NotRequired[int]
    duration_nanos: NotRequired[int]


def parse_work_units(texts: list[str]) -> tuple[PipelineProcess, ...]:
    """Read the processes out of files of work units, in the order of their beginnings."""
    units: list[_WorkUnit] = [unit for text in texts for unit in json.loads(text)]
    processes = [
        unit for unit in units if unit["name"] == "process" and "source" in unit["metadata"]
    ]
    processes.sort(key=lambda unit: (unit["start_secs"], unit["start_nanos"]))
    return tuple(
        PipelineProcess(
            unit["description"].removeprefix(_SCHEDULING),
            unit["metadata"]["source"],
            unit["metadata"].get("total_elapsed_ms", 0),
            *_times_of(unit),
        )
        for unit in processes
    )


def _times_of(unit: _WorkUnit) -> tuple[float, float]:
    """When it began and ended, in seconds; a unit that did not end has no duration."""
    began_s = unit["start_secs"] + unit["start_nanos"] / 1e9
    return began_s, began_s + unit.get("duration_secs", 0) + unit.get("duration_nanos", 0) / 1e9


def environment_of(home: Path) -> dict[str, str]:
    """The environment of a user with that home and no other setting."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    pyenv = Path.home() / ".pyenv"
    if pyenv.is_dir():  # Interpreters are part of the machine, wherever they are.
        kept.setdefault("PYENV_ROOT", str(pyenv))
    return {**kept, "HOME": str(home)}


def make_clone(root: Path, folder: Path, environment: Mapping[str, str]) -> Clone:
    """Clone what is committed in `root`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", root.resolve().as_uri(), str(folder)], check=True
    )
    return Clone(folder, environment)


@contextmanager
def shared_cache(clone: Clone, folder: Path) -> Iterator[dict[str, str]]:
    """Run `ci:remote_cache` of a clone; gives what its users set.

    Raises:
        RunFailedError: It did not say its settings in time.
    """
    settings = folder / "settings.sh"
    folder.mkdir(parents=True)
    arguments = ["--folder", str(folder / "cache"), "--settings", str(settings)]
    pants = str(clone.folder / "pants")
    argv = [pants, "--no-pantsd", "run", "ci:remote_cache", "--", *arguments]

    def is_ready(_: str) -> bool:
        return settings.is_file() and settings.read_text(encoding="utf-8").endswith("\n")

    log, place, variables = folder / "log", clone.folder, clone.environment
    with started(argv, log, is_ready, folder=place, environment=variables, is_group=True):
        yield parse_settings(settings.read_text(encoding="utf-8"))


def parse_settings(text: str) -> dict[str, str]:
    """Read lines of `export NAME=value`, quoted for a shell."""
    words = shlex.split(text, comments=True)
    return {name: value for name, equals, value in (w.partition("=") for w in words) if equals}
