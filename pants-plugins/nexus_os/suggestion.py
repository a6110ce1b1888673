"""What the author of a BUILD file may have meant by a word that nothing knows."""

from __future__ import annotations

import difflib
from typing import Iterable

# More than these are a list to read and no help.
_MOST = 3


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A sentence with a space before it, to put behind a complaint; empty if nothing is alike."""
    near = difflib.get_close_matches(wrong, list(known), n=_MOST, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(word) for word in near)}?"
