"""Packages as a service of a node: every session gets a server of its own.

packages = PackageService(backend)
Node(settings, {SERVICE: packages}, session_ended=packages.session_ended)
"""

from __future__ import annotations

from nexus.dsoftbus.io.settings import Call
from nexus.remotefs.package.backend import Backend
from nexus.remotefs.package.server import PackageServer


class PackageService:
    """What sessions have open.  The node bounds how many sessions there are."""

    def __init__(self, backend: Backend) -> None:
        """Serve from a backend."""
        self._backend = backend
        self._sessions: dict[int, PackageServer] = {}

    @property
    def open_count(self) -> int:
        """How many handles there are in all sessions."""
        return sum(server.open_count for server in self._sessions.values())

    def __call__(self, call: Call) -> bytes:
        """Answer a call; only those of authenticated sessions come here."""
        server = self._sessions.get(call.session)
        if server is None:
            server = self._sessions[call.session] = PackageServer(self._backend)
        return server.answer(call.payload, is_authenticated=True)

    def session_ended(self, number: int) -> None:
        """Drop the handles of a session that is over."""
        self._sessions.pop(number, None)

    def mount(self, backend: Backend) -> None:
        """Serve other packages; what was open is ended."""
        self._backend = backend
        for server in self._sessions.values():
            server.mount(backend)
