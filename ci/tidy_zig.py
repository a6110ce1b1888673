"""Rule of `tidy.py` about zig: the kernel and the libraries assert where they change state.

The rule reads text as `zig fmt` leaves it, where a function ends at the brace in its own column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ci.tidy_source import Finding, Source

# Folders that the rule is for, and those below them that serve tests.
ASSERTING: Final = ("src/guest/kernel/", "src/guest/lib/")
SERVING: Final = ("src/guest/lib/os_fake/",)
# A shorter function sets a field or two: an assert would say the same again.
STATEMENTS_MIN: Final = 4

_FUNCTION: Final = re.compile(r"^( *)pub (?:export |inline |noinline )?fn (\w+)\(")
_VARIABLE: Final = re.compile(r"^(?:pub )?(?:threadlocal )?var (\w+)", re.MULTILINE)
# A pointer to an array is a buffer that the caller gives, not state.
_POINTER: Final = re.compile(r"(\w+): \*(?!const\b|\[)")
_CAPTURE: Final = re.compile(r"for \(&([\w.\[\]]+)[^|]*\|\*(\w+)")
_COMMENT: Final = re.compile(r"//.*")
_ASSERT: Final = re.compile(r"\bassert\(|\bcheck\(\)|\bunreachable\b")
_REASON: Final = re.compile(r"// No assert: \w")
# An index may have an index of its own in it.
_PART: Final = r"(?:\.\w+|\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]|\.\?|\.\*)"
_OPERATOR: Final = r"(?:[+\-*][%|]?|<<\|?|>>|[/%|&^])?"
_WRITE: Final = r"(?<![\w.])(?:{names})" + _PART + r"{parts} " + _OPERATOR + r"=\s"


@dataclass(frozen=True)
class _Function:
    """A public function: where it begins, its parameters, and its body without comments."""

    name: str
    line: int
    signature: str
    body: str
    code: str

    @property
    def statements(self) -> int:
        """The number of statements and blocks; the lines of a literal are part of one."""
        lines = [line.strip() for line in self.code.splitlines()]
        ends = [line for line in lines if line.endswith((";", "{")) and line != "};"]
        return sum(not line.endswith(".{") for line in ends)

    def writes(self, variables: list[str]) -> bool:
        """Whether it assigns to a field behind a pointer, or to a variable of its file."""
        owned = [*_POINTER.findall(self.signature), *variables]
        for source, name in _CAPTURE.findall(self.code):
            if re.split(r"[.\[]", source)[0] in owned:
                owned.append(name)
        return _assigns(self.code, owned, "+") or _assigns(self.code, variables, "*")


def _assigns(code: str, names: list[str], parts: str) -> bool:
    pattern = _WRITE.format(names="|".join(map(re.escape, names)), parts=parts)
    return bool(names) and re.search(pattern, code) is not None


def _functions(source: Source) -> Iterator[_Function]:
    lines = source.lines
    code = [_COMMENT.sub("", line).rstrip() for line in lines]
    for start, line in enumerate(lines):
        found = _FUNCTION.match(line)
        if found is None:
            continue
        heads = (at for at in range(start, len(code)) if code[at].endswith(("{", "}", ";")))
        head = next(heads, None)
        if head is None:
            continue  # It is cut off, which `zig fmt` says.
        ends = (at for at in range(head, len(code)) if code[at].startswith(found[1] + "}"))
        end = next(ends, len(code)) if code[head].endswith("{") else head
        body = "\n".join(lines[head + 1 : end])
        signature = " ".join(code[start : head + 1])
        if signature.endswith(") type {"):
            continue  # The functions of the type that it makes are found on their own.
        yield _Function(found[2], start + 1, signature, body, "\n".join(code[head + 1 : end]))


def find_unasserted(source: Source) -> Iterator[Finding]:
    """Find public functions that change state and assert nothing about it."""
    is_asserting = source.path.startswith(ASSERTING) and not source.path.startswith(SERVING)
    if source.is_test or not is_asserting:
        return
    variables = _VARIABLE.findall(source.text)
    for function in _functions(source):
        is_argued = _REASON.search(function.body) is not None
        is_asserted = _ASSERT.search(function.code) is not None
        if is_argued and is_asserted:
            yield Finding(source.path, function.line, f"`{function.name}` asserts after all")
        if is_argued or is_asserted or function.statements < STATEMENTS_MIN:
            continue
        if function.writes(variables):
            yield Finding(
                source.path,
                function.line,
                f"`{function.name}` changes state and asserts nothing: assert what its caller "
                "owes or what holds between calls, or write `// No assert: why` in it",
            )
