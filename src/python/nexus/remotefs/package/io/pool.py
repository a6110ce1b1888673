"""A node of this process for callers without one: on a thread of its own, started when first used.

    shared = POOL.node_of(Path("bus.toml"))
    shared.submit(use(shared)).result()

One file is one identity, and that is one node: all users of a file share it, from any thread and
any event loop.  A child process that was forked starts its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.bridge import wait_from_thread
from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Settings, UnavailableError
from nexus.remotefs.package.io.client import AsyncPackageClient

# Sockets are bound, nothing is waited for from elsewhere; and a second for what is being served.
_START_S: Final = 10.0
_STOP_S: Final = 5.0

# The message of a call that comes after the end, or that was under way then.
CLOSED: Final = "this node was closed; the next use of its file starts another one"

Result = TypeVar("Result")


class SharedNode:
    """A node and its loop, on a thread."""

    def __init__(self, settings: Settings) -> None:
        """Start it.

        Raises:
            OSError: its sockets cannot be opened.
        """
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        # It only calls, so that several programs can be this node at once.
        self._node = Node(replace(settings, is_listening=False))
        self._clients: dict[tuple[str, int, float], AsyncPackageClient] = {}
        # Held where a call is queued, so that none is queued behind the end, where it would wait
        # for ever.
        self._queue = threading.Lock()
        self._is_ending = False
        name = f"nexus node {settings.device_id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        is_started = threading.Event()
        self._loop.call_soon(is_started.set)
        self._thread.start()
        is_started.wait(_START_S)
        try:
            self._wait(self._node.__aenter__(), _START_S)
        except BaseException:
            self._stop()
            raise

    @property
    def peers(self) -> tuple[str, ...]:
        """The configured peers, in the order of the file."""
        return tuple(peer.device_id for peer in self._settings.peers)

    @property
    def is_running(self) -> bool:
        """Whether it can be used."""
        return self._thread.is_alive() and not self._is_ending

    def submit(self, call: Coroutine[object, None, Result]) -> Future[Result]:
        """Run a coroutine on the node's loop; where the node is closed first, it is cancelled.

        Raises:
            UnavailableError: the node was closed.
        """
        with self._queue:
            if self.is_running:
                return asyncio.run_coroutine_threadsafe(call, self._loop)
        call.close()
        raise UnavailableError(CLOSED)

    async def client(self, peer: str, outstanding: int, timeout_s: float) -> AsyncPackageClient:
        """Return a client of a peer that has a session; to be awaited on the node's loop.

        Raises:
            UnavailableError: no session in time.
        """
        key = (peer, outstanding, timeout_s)
        connected = await self._node.connect(peer, timeout_s)
        if key not in self._clients:
            self._clients[key] = AsyncPackageClient(connected, outstanding, timeout_s)
        return self._clients[key]

    def close(self) -> None:
        """Close the node and end its thread.  Safe to call again."""
        if not self.is_running:
            return
        with suppress(NexusError, OSError, asyncio.CancelledError):
            self._wait(self._node.close(), _STOP_S)
        self._stop()

    def _wait(self, call: Coroutine[object, None, Result], timeout_s: float) -> Result:
        return wait_from_thread(call, self._loop, timeout_s)

    def _stop(self) -> None:
        with self._queue:
            if self._is_ending:
                return
            self._is_ending = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        """Serve the loop until it is stopped, then end what is left, as `asyncio.run` does."""
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_cancel_others())
        finally:
            self._loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Pool:
    """The shared nodes of a process, by file."""

    def __init__(self) -> None:
        """Have none."""
        self._lock = threading.Lock()
        self._nodes: dict[Path, SharedNode] = {}

    def node_of(self, config: Path) -> SharedNode:
        """Return the node of a `bus.toml`, started if need be.

        Raises:
            ConfigError, KeyFileError: the file, or its key, cannot be used.
            OSError: the node's sockets cannot be opened.
        """
        path = config.absolute()
        with self._lock:
            found = self._nodes.get(path)
            if found is None or not found.is_running:
                found = self._nodes[path] = SharedNode(load_settings(path))
            return found

    def close(self, config: Path | None = None) -> None:
        """Close the node of a file, or all; what is used again starts again."""
        with self._lock:
            paths = list(self._nodes) if config is None else [config.absolute()]
            nodes = [self._nodes.pop(path) for path in paths if path in self._nodes]
        for node in nodes:
            node.close()

    def forget(self) -> None:
        """Have none, without a word to those that there were: they are another process's."""
        self._lock = threading.Lock()
        self._nodes = {}


# The one place of this package that outlives its callers: a process is one node of an identity.
POOL: Final = Pool()
atexit.register(POOL.close)
os.register_at_fork(after_in_child=POOL.forget)
