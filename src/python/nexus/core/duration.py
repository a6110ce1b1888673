"""The bounds of callers' waits: every wait has one, so no bound is not one."""

from __future__ import annotations

from math import isfinite
from typing import Final

from nexus.core.errors import NexusError

# An hour: longer than any call, transfer or start of a node takes.
TIMEOUT_S_MAX: Final = 3600.0


class TimeoutValueError(NexusError, ValueError):
    """A timeout that is not one: negative, zero, infinite, not a number, or None."""


def check_timeout_s(timeout_s: object, name: str = "timeout_s") -> float:
    """Return a timeout in seconds as a number.

    Raises:
        TimeoutValueError: it is not above 0, above an hour, or not a number.
    """
    if (
        isinstance(timeout_s, int | float)
        and not isinstance(timeout_s, bool)
        # Compared as it is: an integer may be larger than a float can be.
        and 0 < timeout_s <= TIMEOUT_S_MAX
        and isfinite(timeout_s)
    ):
        return float(timeout_s)
    text = f"{name}: {timeout_s!r}; expected seconds above 0 and up to {TIMEOUT_S_MAX:g}"
    raise TimeoutValueError(text)
