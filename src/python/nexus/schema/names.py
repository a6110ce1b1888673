"""Names of the schema in the spelling of each language that is generated."""

from __future__ import annotations

import keyword
import re
from typing import Final

# Where an upper-case letter begins a word.
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# The guest's sources have always written `err`; `which` says which member a union is.
_ZIG_MEMBERS: Final = {"error": "err", "which": "which_"}

_ZIG_WORDS: Final = """
addrspace align allowzero and anyframe anytype asm break callconv catch comptime const continue
defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend
opaque or orelse packed pub resume return struct suspend switch test threadlocal try union
unreachable var volatile while
"""
_ZIG_KEYWORDS: Final = frozenset(_ZIG_WORDS.split())


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


def python_field(name: str) -> str:
    """A field in Python: `resolve_status`, and `from_` where the name is a keyword."""
    found = snake(name)
    return found + "_" if keyword.iskeyword(found) or found == "which" else found


def zig_member(name: str) -> str:
    """A member of an enumeration or a struct in zig, as `@field` and `@tagName` have it."""
    return _ZIG_MEMBERS.get(name, snake(name))


def zig_quoted(name: str) -> str:
    """A name as a source of zig has it: `@"test"` where it is a keyword."""
    return f'@"{name}"' if name in _ZIG_KEYWORDS or not name.isidentifier() else name
