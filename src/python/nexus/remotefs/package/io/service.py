"""Packages as a service of a node: every session gets a server of its own.

packages = PackageService(backend)
streams = {STREAM: packages.read_stream}
Node(settings, {SERVICE: packages}, streams=streams, session_ended=packages.session_ended)
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.package.backend import Backend, BackendError
from nexus.remotefs.package.server import PackageServer
from nexus.remotefs.package.stream_server import Answer, ServedRead

# A peer that takes or says nothing for so long is given up.
SILENCE_S: Final = 5.0

_STATE_MASK: Final = (1 << 64) - 1


class PackageService:
    """The open files of sessions.  The node bounds how many sessions there are."""

    def __init__(
        self,
        backend: Backend,
        silence_s: float = SILENCE_S,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Serve from a backend.

        Args:
            backend: What is served.
            silence_s: A stream on which nothing moves for so long is given up.
            clock_ns: Nanoseconds; says how long a handle was not used.
        """
        self._backend = backend
        self._silence_s = silence_s
        self._clock_ns = clock_ns
        self._sessions: dict[int, PackageServer] = {}
        # A reader compares it: another start, or another mount, is another file.
        self._state = int.from_bytes(os.urandom(8), "little")

    @property
    def open_count(self) -> int:
        """The number of handles in all sessions."""
        return sum(server.open_count for server in self._sessions.values())

    def __call__(self, call: Call) -> bytes:
        """Answer a call; only those of authenticated sessions come here."""
        server = self._sessions.get(call.session)
        if server is None:
            server = self._sessions[call.session] = PackageServer(self._backend)
        return server.answer(call.payload, is_authenticated=True, now_ns=self._clock_ns())

    async def read_stream(self, stream: BusStream) -> None:
        """Serve a stream that reads a range of a file, or lists a folder."""
        try:
            answer = await self._request(stream)
            if answer.reset is not None:
                stream.reset(answer.reset)
                return
            async with asyncio.timeout(self._silence_s):
                await stream.write(answer.head)
            for piece in answer.pieces:
                async with asyncio.timeout(self._silence_s):
                    await stream.write(piece)
            stream.close()
        except (TimeoutError, BackendError):
            stream.reset(ResetReason.UNWANTED)

    async def _request(self, stream: BusStream) -> Answer:
        served = ServedRead(self._backend, self._state, stream.gate)
        while True:
            async with asyncio.timeout(self._silence_s):
                data = await stream.read()
            answer = served.receive(data) if data else served.end()
            if answer is not None:
                return answer

    def session_ended(self, number: int) -> None:
        """Drop the handles of a session that is over."""
        self._sessions.pop(number, None)

    def mount(self, backend: Backend) -> None:
        """Serve other packages; what was open is ended."""
        self._backend = backend
        self._state = (self._state + 1) & _STATE_MASK
        for server in self._sessions.values():
            server.mount(backend)
