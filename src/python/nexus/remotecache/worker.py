"""`./pants run ci:remote_cache -- --worker`: a machine that executes for a server.

Takes processes whose properties it has, as many at once as it has cores and memory for.  Inputs
come through a local store that keeps what it has seen; outputs and results go back.  SIGTERM
drains: nothing new is taken, what runs may end.  A second SIGTERM ends at once, and the server
gives what ran to others.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from nexus.core.commandline import fail
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import Text, run_program
from nexus.remotecache import folders, settings
from nexus.remotecache.bot import Bot, RejectedError
from nexus.remotecache.client import show_token
from nexus.remotecache.connection import Remote, look, read_token
from nexus.remotecache.executing import Runner
from nexus.remotecache.processes import (
    ServerError,
    SettingError,
    child,
    forget_hangup,
    socket_in,
    take_ending,
    wait_until_answers,
)
from nexus.remotecache.processes import (
    program as program_of,
)
from nexus.remotecache.refusing import is_folder, refuse_missing
from nexus.remotecache.reporting import Health
from nexus.remotecache.sandbox import Sandbox, pants_cache, refusal, visible_folders
from nexus.remotecache.worker_options import parse

SOCKET: Final = "worker.socket"
# With less than this even a small output is in vain.
ROOM_BYTES_MIN: Final = 16 * 1024 * 1024

# The runner closes every number below the limit of open files before it starts a process, one by
# one: with the million that containers often have, these are a million calls for each process.
# A process that needs more raises its own limit, as far as this machine allows.
OPEN_FILES_MAX: Final = 4096

# After a runner failed, none is taken for this time: others may do better.
ILL_SECONDS: Final = 20.0


class Wish:
    """The wish for an end: asked for once, the worker drains; twice, it ends at once."""

    def __init__(self) -> None:
        self.asked = 0
        self.since = 0.0

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """Take a signal."""
        self.asked += 1
        self.since = time.monotonic()


class Condition:
    """Whether this machine should be given anything."""

    def __init__(self, disk: Path, wish: Wish, free_min: int) -> None:
        self.disk = disk
        self.wish = wish
        self.free_min = free_min
        self.ill_until = 0.0
        self.is_short = False

    def failed(self, reason: str, is_ours: bool) -> None:
        """A process could not be run: say why, and take nothing for a while if that is our fault.

        Otherwise it is the process's own, such as an input that is gone, and no reason to keep
        others waiting.
        """
        is_full = self.room() < ROOM_BYTES_MIN
        if is_ours or is_full or refusal() is not None:
            self.ill_until = time.monotonic() + ILL_SECONDS
            reason = f"no process is taken for {ILL_SECONDS:.0f} s: {reason}"
        say(f"a process could not be run: {reason[:1000]}")

    def health(self) -> Health:
        """The report to the server now."""
        if self.wish.asked:
            return Health.ENDING
        room = self.room()
        is_short = room < self.free_min
        if is_short != self.is_short:
            # Once each way: it is looked at with every call.
            self.is_short = is_short
            say(
                f"no process is taken: the disk of {self.disk} has {room} bytes left, and "
                f"{self.free_min} are to be kept (--free); make room, or give another --folder"
                if is_short
                else f"the disk of {self.disk} has room again"
            )
        if is_short or time.monotonic() < self.ill_until:
            return Health.UNHEALTHY
        return Health.OK

    def room(self) -> int:
        """The bytes that are free for us; none where the folder is gone."""
        try:
            disk = os.statvfs(self.disk)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize


def say(text: str) -> None:
    """Print one line, with nothing in it that a terminal would obey."""
    line = "".join(c if c.isprintable() else " " for c in text)
    print(f"worker: {line}", flush=True)


def main(argv: Sequence[str]) -> int:
    """Work until told to stop: 0; 20 if the server does not take us, 21 if this machine failed."""
    wish = Wish()
    # A terminal that is closed may say so twice, which would be to end at once.
    take_ending(wish.ask, (signal.SIGINT, signal.SIGTERM))
    forget_hangup()
    try:
        given = parse(argv)
        remote = Remote(given.host, given.port, given.authority, given.token)
        read_token(given.token)
        folders.refuse_others(given.folder, folders.WORKER)
        refuse_missing(given.mount)
        if (reason := refusal()) is not None:
            raise ServerError(f"--worker: {reason}")
        look(remote)
        show_token(remote)
        if given.token.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            say(f"{given.token} can be read by other users of this machine; chmod 600 it")
        if not is_folder(pants := pants_cache(os.environ)):
            say(
                f"{pants} is not there; the processes of Pants need it where the runners have it: "
                "start ./pants once here, with the runners' NEXUS_PANTS_CACHE, and start this again"
            )
        with contextlib.ExitStack() as stack:
            given.folder = folders.take(given.folder, folders.WORKER, stack)
            work(given, remote, wish)
    except UsageError as exc:
        return fail(exc, EXIT_CONFIG)
    except RejectedError as exc:
        return fail(f"{given.server}: does not take this worker: {exc}", EXIT_CONFIG)
    except ServerError as exc:
        return fail(exc, exc.exit_code)
    return 0


def work(given: argparse.Namespace, remote: Remote, wish: Wish) -> None:
    """Join, and execute until told to stop."""
    folder = given.folder
    caches = folder / "caches"
    caches.mkdir(exist_ok=True)
    # One that was killed has left there what its processes had said.
    running = folder / "running"
    shutil.rmtree(running, ignore_errors=True)
    running.mkdir(exist_ok=True)
    with local_store(folder, given, remote) as socket_path:
        limit_open_files()
        condition = Condition(folder, wish, given.free)
        sandbox = Sandbox(visible_folders(os.environ, given.mount), caches)
        runner = Runner(
            running,
            [
                str(program_of(folder, "buildbox-run")),
                f"--remote=unix:{socket_path}",
                "--log-level=warning",
                *sandbox.arguments(),
            ],
            given.id,
            condition.failed,
        )
        bot = Bot(remote, given.id, given.properties, given.jobs, runner, condition.health, say)
        with waking(bot, wish, given.drain_seconds):
            bot.run(lambda: wish.asked > 0)
        say("stopped")


def limit_open_files() -> None:
    """Lower the limit of open files for what is started from now on; not that of the store."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [limit for limit in (soft, OPEN_FILES_MAX) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits), hard))


@contextlib.contextmanager
def waking(bot: Bot, wish: Wish, seconds: int) -> Iterator[None]:
    """Report signals to the bot; a second one, or a drain that takes too long, ends what runs."""
    over = threading.Event()

    def watch() -> None:
        seen = 0
        while not over.wait(0.2):
            if wish.asked != seen:
                seen = wish.asked
                say("draining" if seen == 1 else "ending what runs")
                bot.wake()
            late = seen and time.monotonic() - wish.since > seconds
            if seen > 1 or late:
                bot.hurry()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def local_store(folder: Path, given: argparse.Namespace, remote: Remote) -> Iterator[Path]:
    """A store on this machine that fetches from the server's what it lacks, and writes through."""
    socket_path = socket_in(folder, SOCKET)
    argv = [
        str(program_of(folder, "buildbox-casd")),
        f"--bind=unix:{socket_path}",
        f"--cas-remote=https://{remote.address}",
        f"--cas-instance={settings.INSTANCE}",
        f"--cas-server-cert={remote.authority}",
        f"--cas-access-token={remote.token}",
        "--cas-retry-limit=5",
        "--cas-request-timeout=60",
        "--cas-keepalive-time=20",
        f"--quota-high={given.quota}",
        # It keeps as much free as we do: else it would take nothing where we take processes.
        f"--reserved={given.free}",
        "--log-level=warning",
        str(folder / "store"),
    ]
    with child(folder, "local-store", argv) as process:
        wait_until_answers(folder, "local-store", process, socket.AF_UNIX, str(socket_path))
        yield socket_path


def program() -> NoReturn:
    """Be the worker, with the arguments of this process."""
    sys.argv[0] = "remote_cache --worker"
    run_program(main, Text.REPORT)


__all__ = ["SettingError", "main", "program"]
