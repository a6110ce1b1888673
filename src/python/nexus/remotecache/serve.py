"""`./pants run ci:remote_cache`: a shared cache on this machine, until it is told to stop.

Prints what to set, as lines that a shell can read, and waits for SIGTERM or Ctrl-C.  Without
`--folder` everything lives in a temporary folder and is removed at the end; with it, blobs, results
and keys stay and serve again.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import FrameType

from nexus.entry.program import Text, run_program
from nexus.remotecache import credentials, server, settings
from nexus.remotecache.sandbox import (
    Sandbox,
    interpreter_folders,
    refusal,
    tool_folders,
    visible_folders,
)

# Between two looks at whether the servers still live.
LOOK_SECONDS = 0.5

PORT_MAX = 65535


class StopRequestedError(Exception):
    """A signal asked for the end."""


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop: 0; 1 if the servers did not start or ended by themselves."""
    arguments = parse(argv)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        with contextlib.ExitStack() as stack:
            folder = choose_folder(arguments.folder, stack)
            lock(folder, stack)
            serve(folder, arguments)
    except StopRequestedError:
        return 0
    except server.ServerError as exc:
        print(f"remote_cache: {exc}", file=sys.stderr)
    return 1


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="remote_cache", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=port_number, default=0, help="default: one that is free")
    parser.add_argument("--quota", default="10G", help="size of the store, such as 500M or 10G")
    parser.add_argument("--folder", type=Path, help="keep everything here; default: keep nothing")
    parser.add_argument("--days", type=int, default=30, help="how long keys and tokens are valid")
    parser.add_argument("--settings", type=Path, help="also write the settings of a writer there")
    parser.add_argument("--execute", action="store_true", help="run processes here, in bubblewrap")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="as many at once")
    parser.add_argument(
        "--mount",
        type=Path,
        action="append",
        default=[],
        help="a folder with tools that executed processes may read, besides the system's",
    )
    return parser.parse_args(argv)


def port_number(text: str) -> int:
    """A port, or 0 for one that is free."""
    if not text.isascii() or not text.isdecimal() or int(text[:6]) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected 0 to {PORT_MAX}")
    return int(text)


def choose_folder(given: Path | None, stack: contextlib.ExitStack) -> Path:
    """The folder of everything; only its owner may look into it."""
    if given is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nexus-cache-")))
    given.mkdir(mode=0o700, parents=True, exist_ok=True)
    given.chmod(0o700)
    return given.resolve()


def choose_sandbox(folder: Path, arguments: argparse.Namespace) -> Sandbox:
    """What executed processes get, if this machine can confine them.

    Raises:
        ServerError: it cannot.
    """
    if (reason := refusal()) is not None:
        raise server.ServerError(f"--execute: {reason}")
    caches = folder / "caches"
    caches.mkdir(exist_ok=True)
    folders = visible_folders(os.environ, arguments.mount)
    return Sandbox(arguments.jobs, folders, caches, tool_folders(os.environ, folders))


def lock(folder: Path, stack: contextlib.ExitStack) -> None:
    """Keep others out of a folder: two stores on the same files would evict what the other serves.

    Raises:
        ServerError: somebody has it.
    """
    file = stack.enter_context((folder / "lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise server.ServerError(f"--folder {folder}: another remote_cache serves it") from exc


def serve(folder: Path, arguments: argparse.Namespace) -> None:
    """Run the servers until one ends or a signal comes."""
    keys = folder / "keys"
    if keys.exists():
        made = credentials.Credentials(keys)
    else:
        made = credentials.create(keys, lifetime=timedelta(days=arguments.days))
    sandbox = choose_sandbox(folder, arguments) if arguments.execute else None
    with server.running(
        folder, made, port=arguments.port, quota=arguments.quota, sandbox=sandbox
    ) as running:
        print_settings(running, sandbox, arguments.settings)
        while (ended := running.ended()) is None:
            time.sleep(LOOK_SECONDS)
    raise server.ServerError(ended)


def print_settings(running: server.CacheServer, sandbox: Sandbox | None, path: Path | None) -> None:
    """Say what to set to write and, apart, what differs for whoever may only read."""
    made = running.credentials

    def lines(subject: str) -> list[str]:
        environment = settings.pants_environment(
            port=running.port,
            ca_path=str(made.ca),
            token_path=str(made.token(subject)),
            writes=subject == settings.WRITER,
        )
        if sandbox is not None and subject == settings.WRITER:
            environment = {
                **environment,
                **settings.execution_environment(
                    port=running.port,
                    caches=str(sandbox.caches),
                    interpreters=interpreter_folders(sandbox.folders),
                    tools=sandbox.tools,
                ),
            }
        return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]

    writer, reader = lines(settings.WRITER), lines(settings.READER)
    print(f"# remote_cache: serving on localhost:{running.port}, process {os.getpid()}")
    print("\n".join(writer))
    print("# Who may only read sets instead:")
    print("\n".join(f"#   {line}" for line in reader if line not in writer), flush=True)
    if path is not None:
        path.write_text("\n".join(writer) + "\n", encoding="utf-8")


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Ask for the end, once: a second signal must not interrupt the cleaning up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise StopRequestedError


if __name__ == "__main__":
    run_program(main, Text.REPORT)
