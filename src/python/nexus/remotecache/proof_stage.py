"""The stage of every case of the proof: folders of its own, a cache, and runs that are judged."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # Any: gRPC and BuildGrid publish no types.

from nexus.remotecache import proof_project, report, server, settings
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.proof_project import NAMES, PROCESSES, RUN_SECONDS_MAX, Run

# The end of a log that a failed case shows.
LOG_TAIL_CHARS = 4000

# Between two looks at something that another process does.
LOOK_SECONDS = 0.05

# How Pants says that a lookup failed.
NOTICED = "Failed to read from remote cache"


class NotTriedError(Exception):
    """This machine does not allow what the case needs; the text says what."""


@dataclass(frozen=True)
class Verdict:
    """The end of one case; neither text if it went as it must."""

    name: str
    complaint: str = ""
    not_tried: str = ""
    said: str = ""


@dataclass
class Stage:
    """One case's."""

    folder: Path
    root: Path
    credentials: Credentials
    shared: server.CacheServer
    name: str
    attempt: int = 0
    runs: list[Run] = field(default_factory=list)
    stopped: bool = False
    pants: subprocess.Popen[bytes] | None = None

    @property
    def salt(self) -> str:
        """The word that sets this case's results and folders apart from all others."""
        return f"{self.name}-{self.attempt}"

    @property
    def holds(self) -> Path:
        """A file in here holds the process of its name, if that runs locally."""
        return self.folder / f"{self.salt}-holds"

    @contextlib.contextmanager
    def cache(
        self,
        **place: Any,
    ) -> Iterator[server.CacheServer]:
        """A cache of this case, which keeps what it has if it is started again.

        Cases that leave the servers as they are use `shared`; their salts keep them apart.
        """
        folder = self.cache_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        with server.running(folder, self.credentials, server.Place(**place)) as running:
            yield running

    @property
    def cache_folder(self) -> Path:
        return self.folder / f"{self.salt}-cache"

    def environment(
        self,
        cache: server.CacheServer,
        *,
        subject: str = settings.WRITER,
        instance: str = settings.INSTANCE,
    ) -> dict[str, str]:
        """Return the variables of a writer; with the reader's token they make an attempt."""
        return dict(
            settings.pants_environment(
                port=cache.port,
                ca_path=str(self.credentials.ca),
                token_path=str(self.credentials.token(subject)),
                writes=True,
                instance=instance,
            )
        )

    def run(
        self,
        environment: Mapping[str, str],
        *,
        held: tuple[str, ...] = (),
        goals: tuple[str, ...] = ("test", "::"),
        meanwhile: Callable[[subprocess.Popen[bytes], Path], None] | None = None,
    ) -> Run:
        """Run the small project as a machine that has nothing; it must succeed."""
        number = len(self.runs)
        project = self.folder / f"{self.salt}-{number}"
        proof_project.write(project, self.root, self.salt, self.holds)
        self.holds.mkdir(exist_ok=True)
        for name in NAMES:
            if name in held:
                (self.holds / name).touch()
            else:
                self.release(name)
        state = self.folder / f"{self.salt}-{number}-state"
        launcher = self.root / "pants"
        return self.run_pants(launcher, project, state, goals, environment, meanwhile)

    def run_pants(
        self,
        launcher: Path,
        project: Path,
        state: Path,
        goals: tuple[str, ...],
        environment: Mapping[str, str],
        meanwhile: Callable[[subprocess.Popen[bytes], Path], None] | None = None,
    ) -> Run:
        """Run Pants for this case; it must succeed."""

        def watch(pants: subprocess.Popen[bytes], log: Path) -> None:
            self.pants = pants
            if self.stopped:
                pants.kill()
            elif meanwhile is not None:
                meanwhile(pants, log)

        run = proof_project.run_pants(launcher, project, state, goals, environment, watch)
        self.runs.append(run)
        expect("exit code", run.exit_code, 0)
        return run

    def stop(self) -> None:
        """Make the case end soon, from another thread: its run dies, and no other begins."""
        self.stopped = True
        if self.pants is not None:
            self.pants.kill()

    def run_until_noticed(self, environment: Mapping[str, str]) -> Run:
        """Run with everything held until Pants has noticed that the cache fails."""

        def let_go(pants: subprocess.Popen[bytes], log: Path) -> None:
            wait_until(lambda: NOTICED in log.read_text(errors="replace"), pants, NOTICED)
            self.release()

        return self.run(environment, held=NAMES, meanwhile=let_go)

    def run_without_first(self, environment: Mapping[str, str]) -> Run:
        """Run with all held but the first step, and that until the others have been found.

        All three are asked for at once, so by then there is an answer for the first as well.
        """
        found = [f"Canceled: Running the `shell_command` at `//:{name}`" for name in NAMES[1:-1]]

        def let_go(pants: subprocess.Popen[bytes], log: Path) -> None:
            wait_until(
                lambda: all(line in log.read_text(errors="replace") for line in found),
                pants,
                "the other steps are found",
            )
            self.release(NAMES[0])

        return self.run(environment, held=NAMES, meanwhile=let_go)

    def release(self, *names: str) -> None:
        """Let held processes go on, all of them unless told which."""
        for name in names or NAMES:
            (self.holds / name).unlink(missing_ok=True)

    def last_log(self) -> str:
        """The end of the last run's log."""
        return self.runs[-1].log[-LOG_TAIL_CHARS:] if self.runs else ""


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Return when something has happened; raise if the process ends, or takes too long, before."""
    deadline = time.monotonic() + RUN_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        if happened():
            return
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"did not happen: {what}")


def expect(what: str, seen: object, wanted: object) -> None:
    """Compare, and say both."""
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, and {wanted!r} was to be expected")


def expect_counters(run: Run, **wanted: int) -> None:
    """Compare counters of the cache, all of them in one message."""
    seen = {name: run.stats[name] for name in wanted}
    expect("counters", seen, wanted)


def expect_ran_here(run: Run, processes: int, *, written: int) -> None:
    """So many were not found, and ran; nothing failed.

    A short process may end before the answer that there is no result: it is counted as that.
    """
    counters = run.stats
    ran = counters["requests_uncached"] + counters["speculation_local_completed_first"]
    expect("processes that were not found", ran, processes)
    expect_counters(
        run,
        requests=PROCESSES,
        requests_cached=PROCESSES - processes,
        write_successes=written,
        read_errors=0,
    )


def expect_all_found(run: Run) -> None:
    """Everything came from the cache, and the report says that it served."""
    expect_counters(run, requests_cached=PROCESSES, read_errors=0, write_attempts=0)
    expect_report(run, report.SERVED, all_found=True)


def expect_one_missing(run: Run) -> None:
    """All but one came from the cache, and a client that wants all learns that."""
    expect_counters(run, requests=PROCESSES, requests_cached=PROCESSES - 1)
    # If it ended first all the same, it is not known whether it would have been found.
    first = run.stats["speculation_local_completed_first"]
    expect_report(run, report.SERVED if first else report.NOT_SERVED, all_found=True)


def expect_nothing_served(run: Run) -> None:
    """A cache that cannot be used: no process found, no process written, and the run says so."""
    expect_counters(run, requests_cached=0, write_successes=0)
    if run.stats["read_errors"] + run.stats["request_timeouts"] == 0:
        raise AssertionError("no error is counted, so no user would notice")
    expect_report(run, report.NOT_SERVED)


def expect_report(run: Run, wanted: int, *, all_found: bool = False) -> None:
    """Expect the code that `ci:cache_report` ends with, given this run's log."""
    expect("cache_report", report.judge(run.log_path, all_found=all_found)[0], wanted)
