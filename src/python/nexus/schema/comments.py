"""The comments of a schema: pycapnp reads everything else of one, and leaves these out.

By the language's custom a comment stands behind what it is about: on the line of a declaration, on
the lines after it, or for a declaration with a body on the first lines of the body.
"""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = re.compile(r"\s*(?:const|enum|struct|interface|annotation)\s+(\w+)")
_MEMBER: Final = re.compile(r"\s*(\w+)\s+@\d+")
_COMMENT: Final = re.compile(r"\s*#\s?(.*)")


def comments_of(text: str) -> dict[str, str]:
    """Map names, inner ones with their scope (`Op.register`), to comments; "" is the file's."""
    found: dict[str, list[str]] = {"": []}
    scopes: list[str] = []
    current: str | None = ""
    for line in text.splitlines():
        comment = _COMMENT.fullmatch(line)
        if comment is not None:
            if current is not None:
                found[current].append(comment[1])
            continue
        code, _, rest = line.partition(" #")
        if not code.strip():
            current = None
            continue
        name = _NAMED.match(code) or _MEMBER.match(code)
        if name is not None:
            current = ".".join([*scopes, name[1]])
            found[current] = [rest.strip()] if rest.strip() else []
        if code.rstrip().endswith("{"):
            scopes.append(name[1] if name is not None else "")
        elif code.strip().startswith("}") and scopes:
            scopes.pop()
            current = None
    return {name: "\n".join(lines).strip() for name, lines in found.items() if lines}
