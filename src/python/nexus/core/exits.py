"""Exit codes that all programs of this project share; each is part of an interface.

The guard around every main has them, since it must not import anything that a host may lack.
"""

from __future__ import annotations

from nexus.entry.program import EXIT_CONFIG as EXIT_CONFIG
from nexus.entry.program import EXIT_HOST as EXIT_HOST
from nexus.entry.program import EXIT_INTERRUPTED as EXIT_INTERRUPTED
