"""What every case of the proof stands on: folders of its own, a cache, and runs that are judged."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nexus.remotecache import proof_project, server, settings
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.proof_project import Run

# The end of a log that a failed case shows.
LOG_TAIL_CHARS = 4000


@dataclass
class Stage:
    """One case's."""

    folder: Path
    root: Path
    credentials: Credentials
    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def salt(self) -> str:
        return self.name

    @contextlib.contextmanager
    def cache(self) -> Iterator[server.CacheServer]:
        """A cache that is empty at first, and keeps what it has if it is started again."""
        folder = self.folder / f"{self.name}-cache"
        folder.mkdir(mode=0o700, exist_ok=True)
        with server.running(folder, self.credentials) as running:
            yield running

    def environment(
        self, port: int, *, subject: str = settings.WRITER, instance: str = settings.INSTANCE
    ) -> dict[str, str]:
        """What a writer sets; the reader's token with it is somebody who tries."""
        return dict(
            settings.pants_environment(
                port=port,
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
        meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> Run:
        """Run the small project as a machine that has nothing; it must succeed."""
        number = len(self.runs)
        project = self.folder / f"{self.name}-{number}"
        proof_project.write(project, self.root, self.salt)
        state = self.folder / f"{self.name}-{number}-state"
        launcher = self.root / "pants"
        run = proof_project.run_pants(
            launcher, project, state, ("test", "::"), environment, meanwhile
        )
        self.runs.append(run)
        expect("exit code", run.exit_code, 0)
        return run

    def last_log(self) -> str:
        """The end of the last run's log."""
        return self.runs[-1].log[-LOG_TAIL_CHARS:] if self.runs else ""


def expect(what: str, seen: object, wanted: object) -> None:
    """Compare, and say both."""
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, and {wanted!r} was to be expected")


def expect_counters(run: Run, **wanted: int) -> None:
    """Compare counters of the cache, all of them in one message."""
    seen = {name: run.stats[name] for name in wanted}
    expect("counters", seen, wanted)


def expect_nothing_served(run: Run) -> None:
    """A cache that cannot be used: no process found, no process written, and the run says so."""
    expect_counters(run, requests_cached=0, write_successes=0)
    if run.stats["read_errors"] + run.stats["request_timeouts"] == 0:
        raise AssertionError("no error is counted, so nobody would notice")
