"""Names of the schema in the spelling of each language that is generated."""

from __future__ import annotations

import re
from typing import Final

# Where an upper-case letter begins a word.
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Keywords and primitive names of zig that a member of the contract has; see `zig_member`.
_ZIG_KEYWORDS: Final = {"error": "err"}


def snake(name: str) -> str:
    """`resolveStatus` as `resolve_status`."""
    return _WORD.sub("_", name).lower()


def upper(name: str) -> str:
    """`resolveStatus` as `RESOLVE_STATUS`."""
    return snake(name).upper()


def kebab(name: str) -> str:
    """`resolveStatus` as `resolve-status`."""
    return snake(name).replace("_", "-")


def pascal(name: str) -> str:
    """`resolveStatus` as `ResolveStatus`."""
    return name[0].upper() + name[1:]


def zig_member(name: str) -> str:
    """A member of an enumeration in zig, where some names are taken."""
    return _ZIG_KEYWORDS.get(name, snake(name))
