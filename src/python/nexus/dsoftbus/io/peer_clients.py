"""The services of a peer as typed clients; the contract generates them, a peer carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any  # Any: what a method answers with is of its own kind.

from nexus.contract import clients


class Clients(ABC):
    """One client for each service that is known, all over one way to invoke a method."""

    __slots__ = ()

    @abstractmethod
    async def invoke(self, service: str, method: str, params: Any, timeout_s: float) -> Any:
        """Call a method; return its results."""

    @property
    def samgr(self) -> clients.SamgrClient:
        """The peer's registry of services."""
        return clients.SamgrClient(self.invoke)

    @property
    def bundlemgr(self) -> clients.BundlemgrClient:
        """The peer's bundle manager."""
        return clients.BundlemgrClient(self.invoke)

    @property
    def packagefs(self) -> clients.PackageFsClient:
        """The peer's package files."""
        return clients.PackageFsClient(self.invoke)

    @property
    def statefs(self) -> clients.StateFsClient:
        """The peer's state store, as far as frames go; `nexus.remotefs.state` has more."""
        return clients.StateFsClient(self.invoke)

    @property
    def log(self) -> clients.LogClient:
        """The peer's log."""
        return clients.LogClient(self.invoke)
