"""Lets the next start of a packaged program find what this one has unpacked.

`nexus.release.quick` writes the other half: it looks for a link to the unpacked program, and where
there is none it names the link in a variable.
"""

from __future__ import annotations

import os
import sys
from typing import Final

# The absolute path of the link that is missing.
VARIABLE: Final = "NEXUS_QUICK_START"

# The file that pex starts in an environment that it has made.
MAIN: Final = "pex"


def remember_start() -> None:
    """Make the link that this start was asked for; without it the next start is a slow one."""
    link = os.environ.pop(VARIABLE, "")
    if not os.path.isabs(link) or not os.path.isfile(os.path.join(sys.prefix, MAIN)):
        return
    if os.stat(sys.prefix).st_uid != os.geteuid():
        return  # The next start would not follow it.
    fresh = f"{link}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.realpath(sys.prefix), fresh)
        try:
            os.replace(fresh, link)
        except OSError:  # Something else is in its place, such as a folder.
            os.unlink(fresh)
    except OSError:  # A home that is read-only.
        return
