"""Packages that only a part of this project needs, and what to say where one is missing."""

from __future__ import annotations

from nexus.core.errors import NexusError

DISTRIBUTION = "nexus-dsoftbus"


class MissingPackageError(NexusError, ImportError):
    """A package that is needed for this is not installed; the text says how to install it."""

    def __init__(self, package: str, extra: str, what: str) -> None:
        """Name the package, the extra that brings it, and what needs it."""
        install = f"pip install '{DISTRIBUTION}[{extra}]'"
        text = f"{what} needs the package {package!r}, which is not installed: {install}"
        NexusError.__init__(self, text)
        self.name = package
        self.msg = text
