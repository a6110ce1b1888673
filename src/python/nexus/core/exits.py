"""Exit codes that all programs of this project share; each is part of an interface."""

from __future__ import annotations

from typing import Final

# The command line, a file or a value is wrong; nothing was run.
EXIT_CONFIG: Final = 20
# This host failed: no space, no permission, no such tool.
EXIT_HOST: Final = 21
EXIT_INTERRUPTED: Final = 130
