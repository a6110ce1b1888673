"""The tests that a change can concern: those that call the function in which it is.

A file of tests is run once without a change, and each call of a function of the sources is noted.
What runs when a module is imported, what another process runs, and what one test leaves for the
next one to find is not seen so; for these there are all tests of a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import CO_OPTIMIZED
from types import CodeType
from typing import Final

from nexus.mutation.job import Answer

# A function of a file, by the line where it begins; a decorator's, if it has one.
Code = tuple[str, int]
_NOTHING: Final[frozenset[Code]] = frozenset()


@dataclass(frozen=True)
class Measured:
    """The seconds and the calls of one file's tests, without a change."""

    cpu: Mapping[str, float]  # Seconds of each test that passes, in the order of the text.
    touched: Mapping[str, frozenset[Code]]
    shared: frozenset[Code]  # Functions that any of them calls, and that collecting them calls.
    starters: frozenset[str]  # Tests that start other processes.
    broken: frozenset[str]  # Functions with a test that fails, as `function_of` names them.

    @property
    def seconds(self) -> float:
        """The seconds that all of them take."""
        return sum(self.cpu.values())

    def concerned(self, codes: frozenset[Code]) -> list[str]:
        """List the tests that call one of these functions, or may; the quick ones first."""
        found = [
            test
            for test in self.cpu
            if test in self.starters or codes & self.touched.get(test, _NOTHING)
        ]
        return sorted(found, key=self.cpu.__getitem__)

    def is_near(self, codes: frozenset[Code]) -> bool:
        """Say whether any of them, or what is done before them, calls one of these functions."""
        return bool(codes & self.shared)


def measured_of(answer: Answer) -> Measured:
    """Read the answer of a job that measures; what failed or did not end is not in it."""
    failed = set(answer["failed"])
    if answer["how"] == "timeout" or "codes" not in answer:
        return Measured({}, {}, _NOTHING, frozenset(), frozenset())
    codes = [(path, line) for path, line in answer["codes"]]
    touched = {
        test: frozenset(codes[at] for at in numbers) for test, numbers in answer["touched"].items()
    }
    shared = frozenset(codes[at] for at in answer["before"]).union(*touched.values())
    cpu = {test: seconds for test, seconds in answer["cpu"].items() if test not in failed}
    if any("::" not in name for name in failed):  # The file itself.
        cpu = {}
    starters, broken = frozenset(answer["starters"]), frozenset(map(function_of, failed))
    return Measured(cpu, touched, shared, starters, broken)


def function_of(test: str) -> str:
    """Name the function of a test, without the parameters of this one."""
    return test.partition("[")[0]


def codes_at(path: str, source: str, line: int) -> frozenset[Code]:
    """Name the functions that have a line, whole statements included; none if no function has."""
    return frozenset(
        (path, code.co_firstlineno)
        for code in _codes(compile(source, path, "exec"))
        if code.co_flags & CO_OPTIMIZED and code.co_firstlineno <= line <= _last_line(code)
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _last_line(code: CodeType) -> int:
    ends = (at[1] for each in _codes(code) for at in each.co_positions())
    return max((end for end in ends if end is not None), default=code.co_firstlineno)
