"""The imports and embedded files of a zig source, as far as its text names them.

    @import("abi")          a module: some `zig_module` has this name
    @import("frame.zig")    a file beside it, found by the compiler
    @embedFile("cases.json")

Only literal names count, which is all that the language allows.  Comments and strings that happen
to hold such text do not.
"""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Set, Tuple

# The modules that the compiler itself provides.
BUILT_IN = frozenset(("builtin", "root", "std"))

_FILE_ENDINGS = (".zig", ".zon")

# In the order of trial: what hides other text comes first.  A name with an escape in it is not
# the name of a target or a file of a repository.
_TOKEN = re.compile(
    r"""
      //[^\n]*                                       # A comment.
    | \\\\[^\n]*                                     # A line of a multi-line string.
    | '(?:\\.|[^'\\\n])*'                            # A character.
    | @(?P<call>import|embedFile)\s*\(\s*"(?P<name>[^"\\\n]*)"
    | "(?:\\.|[^"\\\n])*"                            # A string.
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class ZigReferences:
    """Names and paths, each once and in order; paths are from the repository's root."""

    modules: Tuple[str, ...]
    embedded: Tuple[str, ...]


def references_from(root: str, sources: Mapping[str, str]) -> ZigReferences:
    """All references of `root` and of the files that it imports by path, among `sources`."""
    modules: Dict[str, None] = {}
    embedded: Dict[str, None] = {}
    waiting: List[str] = [root]
    seen: Set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or path not in sources:
            continue
        seen.add(path)
        for call, name in _calls(sources[path]):
            target = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if call == "embedFile":
                embedded[target] = None
            elif name.endswith(_FILE_ENDINGS):
                waiting.append(target)
            elif name not in BUILT_IN:
                modules[name] = None
    return ZigReferences(tuple(sorted(modules)), tuple(sorted(embedded)))


def _calls(source: str) -> List[Tuple[str, str]]:
    return [(found["call"], found["name"]) for found in _TOKEN.finditer(source) if found["call"]]
