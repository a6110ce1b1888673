"""The worth of a second worker: the same work on one, and on two of one processor each.

The server and the workers are those of `ci:remote_cache`, all on this machine.  Every process of
a turn is executed, and turns alternate.  Pants needs a processor of its own before its first
process; what is measured begins with the first process and ends with the last.  A worker may have
a share of its processor, so that the others have the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from nexus.bench.pipeline_run import Clone, PipelineProcess, PipelineRun, parse_settings
from nexus.bench.processor_share import share
from nexus.bench.started import RunFailedError, started

ADDRESS_SETTING: Final = "PANTS_REMOTE_STORE_ADDRESS"
AUTHORITY_SETTING: Final = "PANTS_REMOTE_CA_CERTS_PATH"

# A worker has a whole processor, as far as the others leave it.
WHOLE: Final = 100

# Two workers, since that is what a second one is compared with, and each has a processor.
WORKERS: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Turn:
    """One run: how long its processes took, and how many they were."""

    seconds: float
    executed: int


def span_of(processes: Sequence[PipelineProcess]) -> float:
    """Seconds from the beginning of the first process to the end of the last.

    Raises:
        RunFailedError: there is none.
    """
    if not processes:
        raise RunFailedError("the run has no process that is timed; was everything cached?")
    return max(p.ended_s for p in processes) - min(p.began_s for p in processes)


def compare(turns: Mapping[int, Sequence[Turn]]) -> tuple[float, str]:
    """Return how many times as fast two workers are, and the words for it."""
    one, two = (median(turn.seconds for turn in turns[count]) for count in WORKERS)
    return one / two, f"{one:.0f} s on one worker, {two:.0f} s on two, {len(turns[1])} turns each"


def processors() -> tuple[int, int]:
    """Two processors that this process may use.

    Raises:
        RunFailedError: there are none.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < len(WORKERS):
        raise RunFailedError("two workers need two processors; this process may use one")
    return allowed[0], allowed[1]


@dataclass(frozen=True, slots=True)
class Team:
    """A server that is running, and what its users set."""

    program: Path
    folder: Path
    settings: Mapping[str, str]

    @contextmanager
    def workers(self, count: int, percent: int) -> Iterator[None]:
        """So many workers, each pinned to a processor; they keep what they had the last time.

        Each has so many percent of its processor.

        Raises:
            RunFailedError: one of them did not start in time, or a share cannot be had.
        """
        address = self.settings[ADDRESS_SETTING].partition("://")[2]
        with ExitStack() as stack:
            for number, processor in enumerate(processors()[:count], start=1):
                place: Sequence[str] = ()
                if percent != WHOLE:
                    place = stack.enter_context(share(percent, f"nexus-worker-{number}"))
                working = [
                    *place,
                    "taskset",
                    "--cpu-list",
                    str(processor),
                    str(self.program),
                    "--worker",
                    f"--server={address}",
                    f"--authority={self.settings[AUTHORITY_SETTING]}",
                    f"--token={self.folder / 'cache' / 'keys' / 'worker.token'}",
                    f"--folder={self.folder / f'worker-{number}'}",
                    f"--id=worker-{number}",
                    "--jobs=1",
                    "--drain-seconds=1",
                ]
                log = self.folder / f"worker-{number}.log"
                stack.enter_context(started(working, log, lambda said: "joined as" in said))
            yield

    def run(self, clone: Clone, *what: str) -> PipelineRun:
        """Run Pants, with stores of this team's own.

        Raises:
            RunFailedError: it failed, or not all was executed by workers.
        """
        place = Clone(clone.folder, {**clone.environment, **self.settings})
        own = (f"--local-store-dir={self.folder}/store", f"--named-caches-dir={self.folder}/caches")
        run = place.pants("--no-pantsd", *own, "--remote-execution", *what, watched=True)
        executed = run.counter("remote_execution_success")
        if not executed or run.counter("local_execution_requests"):
            raise RunFailedError(
                f"workers executed {executed} processes, this host others; expected none"
            )
        return run


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[Team]:
    """A server with nothing in its store.

    Raises:
        RunFailedError: it did not start in time.
    """
    folder.mkdir(parents=True)
    settings = folder / "settings.sh"
    argv = [str(program), f"--folder={folder / 'cache'}", f"--settings={settings}", "--schedule"]
    with started(argv, folder / "server.log", lambda said: "that may only read" in said):
        yield Team(program, folder, parse_settings(settings.read_text(encoding="utf-8")))


def cold_turns(
    program: Path, clone: Clone, folder: Path, rounds: int, targets: Sequence[str], percent: int
) -> dict[int, list[Turn]]:
    """Test in turns, each from empty stores: all that a test needs is built as well.

    Raises:
        RunFailedError: a run failed, or a process was not executed by a worker.
    """
    turns: dict[int, list[Turn]] = {count: [] for count in WORKERS}
    for number, count in _order(rounds):
        with serving(program, folder / f"{number}-{count}") as team, team.workers(count, percent):
            run = team.run(clone, "test", *targets)
            turns[count].append(
                Turn(span_of(run.processes), run.counter("remote_execution_success"))
            )
    return turns


def _order(rounds: int) -> Iterator[tuple[int, int]]:
    """Rounds and numbers of workers; the first one changes, so a slow machine slows both."""
    for number in range(rounds):
        for count in WORKERS if number % 2 == 0 else reversed(WORKERS):
            yield number, count
