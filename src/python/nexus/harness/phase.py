"""The phases of a run, in the order they are gone through."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Phase(Enum):
    """One stretch of a run, with a budget of virtual time of its own."""

    BUILD = "build"  # On the host: images and configurations are read and checked.
    LAUNCH = "launch"
    DISCOVERY = "discovery"
    SESSION = "session"
    REMOTE = "remote"
    END = "end"


# The phases that guests go through, and hence those an expectation can belong to.
GUEST_PHASES: Final = (Phase.LAUNCH, Phase.DISCOVERY, Phase.SESSION, Phase.REMOTE, Phase.END)

RANK: Final = {phase: rank for rank, phase in enumerate(Phase)}
