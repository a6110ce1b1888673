"""The root of every error this project raises on purpose.

Leaves differ in what the caller can do, not in what went wrong; the text is for people.  A
message is one line and names the field, the bad value and the accepted ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class NexusError(Exception):
    """Something this project refuses; the text is one line for a person."""


class UsageError(NexusError):
    """A command line that cannot be understood; the caller corrects it."""


def did_you_mean(word: str, accepted: Iterable[str]) -> str:
    """Say `; did you mean 'x'?` if an accepted word is near, else nothing."""
    # Imported here: it is slow to import, and few commands have a mistake to report.
    from difflib import get_close_matches

    by_shape = {name.casefold(): name for name in sorted(accepted, reverse=True)}
    near = get_close_matches(word.casefold(), sorted(by_shape), n=1, cutoff=0.6)
    return f"; did you mean {by_shape[near[0]]!r}?" if near else ""
