"""The error of everything that keeps or serves state."""

from __future__ import annotations

from nexus.core.errors import NexusError
from nexus.wire.state import Status


class StateError(NexusError):
    """The store refuses or fails; `status` is the answer to a client."""

    def __init__(self, status: Status, detail: str = "") -> None:
        """Join the status and what a person wants to know."""
        self.status = status
        super().__init__(f"{status.name.lower()}: {detail}" if detail else status.name.lower())
