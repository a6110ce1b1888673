"""The stage of a team's cases: a server, two workers, and clients, each on its own host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nexus.remotecache import settings
from nexus.remotecache.client import Client, Done
from nexus.remotecache.connection import Remote
from nexus.remotecache.processes import python_argv
from nexus.remotecache.team_net import SERVER_NAME, Host, Network

PORT: Final = 8980
METRICS_PORT: Final = 8981
CERTIFICATES_PORT: Final = 8982

# A worker that is silent for so long is gone: less than the default, so that a proof is short.
WORKER_SECONDS: Final = 10

# No case may take longer than this to come to its verdict, whatever hangs: the time after which a
# worker counts as gone, twice, and the processes' own, on a machine with other work.
BOUND_SECONDS: Final = 120.0
START_SECONDS_MAX: Final = 120.0
LOOK_SECONDS: Final = 0.1

SERVE: Final = "from nexus.remotecache.serve import program; program()"


@dataclass
class Program:
    """A program on a host, with what it says in a file."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """All that it has said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it and all its children a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it as a machine that loses power does."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and wait for that."""
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1

    def wait_for(self, text: str, times: int = 1) -> None:
        """Return when it has said something so often."""
        wait_until(
            lambda: self.said().count(text) >= times or self.process.poll() is not None, text
        )
        if self.said().count(text) < times:
            raise AssertionError(f"{self.log.name} ended without {text!r}: {self.said()[-2000:]}")


@dataclass
class Team:
    """The hosts, and what runs on them."""

    folder: Path
    root: Path
    network: Network
    server_host: Host
    worker_hosts: tuple[Host, ...]
    client_hosts: tuple[Host, ...]
    server: Program | None = None
    workers: dict[str, Program] = field(default_factory=dict)
    started: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def keys(self) -> Path:
        return self.folder / "server" / "keys"

    def say(self, text: str) -> None:
        """Remember something that belongs into the verdict."""
        self.said.append(text)

    def program(
        self, host: Host, name: str, code: str, *arguments: str, prefix: Sequence[str] = ()
    ) -> Program:
        """Start a program of ours on a host."""
        self.started += 1
        log = self.folder / f"{name}-{self.started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                host.argv(*prefix, *python_argv(code, *arguments)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Program(process, log)

    def start_server(self) -> Program:
        """Start the server, or start it again with what it has kept."""
        self.server = self.program(
            self.server_host,
            "server",
            SERVE,
            f"--folder={self.folder / 'server'}",
            f"--listen={self.server_host.address}",
            f"--name={SERVER_NAME}",
            f"--port={PORT}",
            f"--metrics-port={METRICS_PORT}",
            f"--certificates-port={CERTIFICATES_PORT}",
            f"--worker-seconds={WORKER_SECONDS}",
            f"--settings={self.folder / 'settings.sh'}",
            f"--runner-folder={self.folder / 'runner'}",
            "--schedule",
        )
        self.server.wait_for("that may only read")
        return self.server

    def start_worker(
        self, number: int, *, folder: Path | None = None, prefix: Sequence[str] = ()
    ) -> Program:
        """Start a worker, and wait until it has joined."""
        name = f"worker-{number + 1}"
        worker = self.program(
            self.worker_hosts[number],
            name,
            SERVE,
            "--worker",
            f"--server={SERVER_NAME}:{PORT}",
            f"--authority={self.folder / 'settings.sh'}",
            f"--token={self.keys / settings.WORKER}.token",
            f"--folder={folder or self.folder / name}",
            f"--id={name}",
            "--jobs=1",
            "--free=0",
            prefix=prefix,
        )
        self.workers[name] = worker
        worker.wait_for("joined as")
        return worker

    def manage(self, *arguments: str) -> str:
        """Change the tokens of the server that runs."""
        done = subprocess.run(
            python_argv(SERVE, f"--folder={self.folder / 'server'}", *arguments),
            check=True,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
        )
        return done.stdout

    def remote(self, token: str = settings.WRITER) -> Remote:
        """The server, as clients reach it from the switch's own host."""
        path = self.keys / f"{token}.token"
        return Remote(SERVER_NAME, PORT, self.folder / "settings.sh", path)

    @contextlib.contextmanager
    def client(self, token: str = settings.WRITER) -> Iterator[Client]:
        """A client of the API, outside of Pants."""
        with Client(self.remote(token)) as client:
            yield client

    def end(self) -> None:
        """Stop everything."""
        for program in (*self.workers.values(), self.server):
            if program is not None:
                program.kill()
        self.network.end()


class Work:
    """Processes that are executed side by side, and how they ended."""

    def __init__(self, client: Client, salt: str, count: int, command: str) -> None:
        """Begin so many; `@` in the command is the number."""
        self.pool = ThreadPoolExecutor(count)
        self.client = client
        self.salt = salt
        self.began = time.monotonic()
        self.futures: list[Future[Done]] = [
            self.pool.submit(self.one, number, command) for number in range(count)
        ]

    def one(self, number: int, command: str) -> Done:
        """Execute one: its output says which it was."""
        text = f"{command.replace('@', str(number))}; echo {self.salt} {number} > out"
        action = self.client.put_action(["/bin/sh", "-c", text], ["out"])
        return self.client.execute(action, seconds=BOUND_SECONDS)

    def finish(self) -> list[Done]:
        """Wait for all; each must have the right output, within the bound."""
        done = [future.result(BOUND_SECONDS) for future in self.futures]
        for number, one in enumerate(done):
            wanted = f"{self.salt} {number}\n".encode()
            seen = self.client.get(one.outputs["out"]) if "out" in one.outputs else None
            if (one.status, one.exit_code, seen) != ("OK", 0, wanted):
                raise AssertionError(f"process {number}: {one}, output {seen!r}")
        return done

    @property
    def seconds(self) -> float:
        """The seconds that it has taken so far."""
        return time.monotonic() - self.began


def split(done: Sequence[Done]) -> str:
    """Describe how many processes each worker ran."""
    names = sorted({one.worker for one in done})
    return ", ".join(f"{name}: {sum(one.worker == name for one in done)}" for name in names)


def wait_until(happened: Callable[[], bool], what: str, seconds: float = BOUND_SECONDS) -> None:
    """Return when something has happened; raise if that takes longer than the bound."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {seconds:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)
