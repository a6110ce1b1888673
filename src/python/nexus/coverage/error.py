"""The one error of this package."""

from __future__ import annotations

from nexus.core.errors import NexusError


class CoverageError(NexusError):
    """A file is not what it has to be; the message names the file, the place and what is wrong."""
