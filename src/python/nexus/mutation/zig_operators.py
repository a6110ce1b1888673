"""Changes of zig: one token replaced, a condition turned round, a statement left out.

Every file here is as `zig fmt` writes it, so an operator between two values has a space on both
sides, and `&x` and `|x|` have not.  Tests, comments and texts stay as they are; so does what
follows a file's first test, if nothing behind it is public: it is there for the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nexus.mutation.change import Change

# The changes of each token.
_OPERATORS: Final = {
    "<": ("<=", ">="),
    "<=": ("<",),
    ">": (">=", "<="),
    ">=": (">",),
    "==": ("!=",),
    "!=": ("==",),
    "+": ("-",),
    "-": ("+",),
    "+%": ("-%",),
    "-%": ("+%",),
    "+|": ("-|",),
    "-|": ("+|",),
    "*": ("+",),
    "<<": (">>",),
    ">>": ("<<",),
    "&": ("|",),
    "|": ("&",),
    "^": ("|",),
    "+=": ("-=",),
    "-=": ("+=",),
    "+%=": ("-%=",),
    "|=": ("&=",),
    "&=": ("|=",),
}
_WORDS: Final = {
    "and": ("or",),
    "or": ("and",),
    "true": ("false",),
    "false": ("true",),
    "break": ("continue",),
    "continue": ("break",),
}
_TOKEN: Final = re.compile(
    r"""
    (?P<quiet> //[^\n]* | \\\\[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+' | @"[^"\n]*" )
    | (?P<number> \b\d[\w.]*(?<!\.) )
    | (?P<word> [@A-Za-z_]\w* )
    | (?P<sign> \+%= | <<= | >>= | \.\.\. | \.\. | => | == | != | <= | >= | << | >> | \+% | -% | \*%
        | \+\| | -\| | \+= | -= | \*= | \|= | &= | \^= | \|\| | \*\* | \+\+
        | [-+*/%&|^<>=!~?.,;:(){}\[\]] )
    """,
    re.VERBOSE,
)
_INTEGER: Final = re.compile(r"0x[0-9a-fA-F_]+|\d[\d_]*")
# A call, an assignment to what is not declared here, or one of the two with `try` before it.
_STATEMENT: Final = re.compile(
    r"\s*(?!return\b|break\b|continue\b|const\b|var\b|pub\b|_ = )"
    r"(?:try )?[a-z_][\w.\[\]*?]*(?:\(.*\)| [-+|&%^]?%?= .*);\s*$"
)
_TESTS: Final = re.compile(r'^(?:const testing = |test "|test \{)', re.MULTILINE)
_PUBLIC: Final = re.compile(r"^pub ", re.MULTILINE)
_CONDITION: Final = re.compile(r"\b(?:if|while) \(")


def zig_changes(path: str, source: str) -> list[Change]:
    """List every change of a file, in the order of its text."""
    found = [*_token_changes(source), *_condition_changes(source), *_statement_changes(source)]
    quiet = list(_quiet_ranges(source))
    changes: list[Change] = []
    for start, end, text, name in sorted(found):
        if any(first <= start < last for first, last in quiet):
            continue
        line = source.count("\n", 0, start) + 1
        column = start - (source.rfind("\n", 0, start) + 1)
        changes.append(_change(path, source, (line, column), (start, end, text), name))
    return changes


def _change(
    path: str, source: str, at: tuple[int, int], splice: tuple[int, int, str], name: str
) -> Change:
    start, end, text = splice
    line, column = at
    return Change(path, line, column, name, lambda: source[:start] + text + source[end:])


_Splice = tuple[int, int, str, str]


def _token_changes(source: str) -> Iterator[_Splice]:
    for token in _TOKEN.finditer(source):
        start, end = token.span()
        text = token.group()
        if token.lastgroup == "number" and _INTEGER.fullmatch(text):
            value = int(text.replace("_", ""), 0)
            for near in (value + 1, value - 1) if value > 0 else (1,):
                shown = f"{near:#x}" if text.startswith("0x") else str(near)
                yield start, end, shown, f"{text} to {shown}"
        elif token.lastgroup == "word":
            for other in _WORDS.get(text, ()):
                yield start, end, other, f"{text} to {other}"
        elif (
            token.lastgroup == "sign" and source[start - 1 : start] == source[end : end + 1] == " "
        ):
            for other in _OPERATORS.get(text, ()):
                yield start, end, other, f"{text} to {other}"


def _condition_changes(source: str) -> Iterator[_Splice]:
    """Turn a condition round, unless it binds a value (`if (x) |y|`)."""
    for match in _CONDITION.finditer(source):
        end = _closing(source, match.end() - 1, "()")
        if end is not None and not source.startswith((" |", " : ("), end + 1):
            start = match.end() - 1
            yield start, end + 1, f"(!({source[start + 1 : end]}))", "condition turned round"


def _statement_changes(source: str) -> Iterator[_Splice]:
    start = 0
    for line in source.splitlines(keepends=True):
        if _STATEMENT.match(line) and line.count("(") == line.count(")"):
            indent = len(line) - len(line.lstrip())
            text = line.strip()
            yield start + indent, start + indent + len(text), "{}", "statement left out"
        start += len(line)


def _closing(source: str, start: int, pair: str) -> int | None:
    """Return where the bracket at `start` is closed; brackets in texts are not looked at."""
    depth = 0
    for at in range(start, len(source)):
        depth += (source[at] == pair[0]) - (source[at] == pair[1])
        if depth == 0:
            return at
    return None


def _quiet_ranges(source: str) -> Iterator[tuple[int, int]]:
    """Find tests, comments, texts, `comptime` checks and imports."""
    for token in _TOKEN.finditer(source):
        if token.lastgroup == "quiet":
            yield token.span()
    tests = _TESTS.search(source)
    if tests and not _PUBLIC.search(source, tests.start()):
        yield tests.start(), len(source)
    for match in re.finditer(r'^(?:test "|test \{|comptime \{)', source, re.MULTILINE):
        end = source.find("\n}", match.start())
        yield match.start(), len(source) if end < 0 else end + 2
    for match in re.finditer(
        r"^.*(?:@import|@compileError|std\.debug\.assert).*$", source, re.MULTILINE
    ):
        yield match.span()
