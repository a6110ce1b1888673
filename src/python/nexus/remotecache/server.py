"""The processes of a shared cache: the store, and the front that all clients talk to.

    Pants --TLS, token--> BuildGrid (our gate) --unix socket--> buildbox-casd --> files
    worker --TLS, token--> BuildGrid (scheduler, database)

The store knows neither TLS nor tokens, so it listens on a socket in a folder of mode 0700 and
nowhere else.  It keeps blobs and results on disk under a quota; the front keeps who may do what, an
audit and, where it schedules, a database.  Both may be restarted at any time.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nexus.remotecache import settings
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.front_settings import Front
from nexus.remotecache.processes import (
    ServerError,
    child,
    ending,
    family_of,
    free_port,
    program,
    python_argv,
    reachable,
    socket_in,
    wait_until_answers,
)
from nexus.remotecache.refusing import refuse_taken

SOCKET: Final = "store.socket"


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place and the manner of a server."""

    address: str = "127.0.0.1"
    port: int = 0
    certificates_port: int = 0
    metrics_port: int = 0
    host: str = "localhost"
    quota: str = "10G"
    # The URL of the scheduler's database; without one, nothing is executed.
    database: str = ""
    # The PATH of workers' machines, for those few processes that ask for one.
    search_path: str = ""
    # And how they reach the network: variables of certificates and proxies.
    network: Mapping[str, str] = field(default_factory=dict)
    verbose: bool = False
    worker_seconds: int = settings.WORKER_SECONDS_MAX
    store_prefix: Sequence[str] = ()
    store_reserved: int = settings.STORE_RESERVED_BYTES


@dataclass(frozen=True)
class CacheServer:
    """A cache that is running."""

    folder: Path
    credentials: Credentials
    port: int
    store: subprocess.Popen[bytes]
    front: subprocess.Popen[bytes]
    place: Place = field(default_factory=Place)

    @property
    def objects(self) -> Path:
        """The folder where the store keeps blobs, each in a file named after its hash."""
        return self.folder / settings.BLOBS

    @property
    def store_socket(self) -> Path:
        """The socket where the store listens."""
        return self.folder / SOCKET

    def ended(self) -> str | None:
        """Describe the end of a process that has ended; None if both run."""
        for name, process in (("store", self.store), ("front", self.front)):
            if process.poll() is not None:
                return ending(self.folder, name, process.returncode)
        return None


@contextlib.contextmanager
def running(folder: Path, credentials: Credentials, place: Place) -> Iterator[CacheServer]:
    """Start both processes, wait until they answer, and end them at the end of the block.

    Raises:
        ServerError: one of them did not start.
    """
    port = place.port or free_port(place.address)
    ports = ((port, "--port"), (place.certificates_port, "--certificates-port"))
    for taken, option in (*ports, (place.metrics_port, "--metrics-port")):
        if taken:
            refuse_taken(place.address, taken, option)
    with contextlib.ExitStack() as stack:
        socket_path = socket_in(folder, SOCKET)
        store = stack.enter_context(child(folder, "store", store_argv(folder, place)))
        wait_until_answers(folder, "store", store, socket.AF_UNIX, str(socket_path))
        argv = front_argv(folder, credentials, place, port)
        front = stack.enter_context(child(folder, "front", argv))
        address = (reachable(place.address), port)
        wait_until_answers(folder, "front", front, family_of(place.address), address)
        yield CacheServer(folder, credentials, port, store, front, place)


def store_argv(folder: Path, place: Place) -> list[str]:
    """The store's command."""
    return [
        *place.store_prefix,
        str(program(folder, "buildbox-casd")),
        f"--bind=unix:{folder / SOCKET}",
        f"--local-server-instance={settings.INSTANCE}",
        f"--quota-high={place.quota}",
        f"--reserved={place.store_reserved}",
        # A result is a process that succeeded.
        "--cache-failures=false",
        "--log-level=warning",
        str(folder / "store"),
    ]


def front_argv(folder: Path, credentials: Credentials, place: Place, port: int) -> list[str]:
    """The front's command, with what it reads written; the folder may hold an earlier run's."""
    paths = settings.FrontPaths(
        server_key=str(credentials.server_key),
        server_certificate=str(credentials.server_certificate),
        store_socket=str(folder / SOCKET),
    )
    listening = settings.Listening(
        address=place.address,
        port=port,
        certificates_port=place.certificates_port,
        client_authority=str(credentials.ca),
    )
    configuration = folder / "front.yml"
    text = settings.front_configuration(listening, paths, place.database, place.worker_seconds)
    configuration.write_text(text, encoding="utf-8")
    ours = Front(
        register=str(credentials.register.path),
        token_secret=str(credentials.token_secret),
        audit=str(folder / "audit"),
        store_socket=str(folder / SOCKET),
        disk=str(folder),
        certificate=str(credentials.server_certificate),
        metrics_address=place.address,
        metrics_port=place.metrics_port,
        database=place.database,
        search_path=place.search_path,
        network=place.network,
    )
    (folder / "front.json").write_text(ours.render(), encoding="utf-8")
    verbose = ("-v",) if place.verbose else ()
    return python_argv(
        f"from nexus.remotecache.front import main; main({str(folder / 'front.json')!r})",
        "server",
        "start",
        *verbose,
        str(configuration),
    )


__all__ = ["CacheServer", "Place", "ServerError", "running"]
