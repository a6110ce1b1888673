"""Mutants that no test can notice, each with its reason: `equivalent.toml` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Final

from nexus.mutation.change import Mutant

FILE: Final = "src/python/nexus/mutation/equivalent.toml"


class EquivalentError(Exception):
    """An entry that says too little; one line that names it."""


@dataclass(frozen=True)
class Equivalent:
    """A change of one line, by its text: line numbers move."""

    path: str
    before: str
    after: str
    reason: str


def parse(text: str) -> list[Equivalent]:
    """Read the entries of the file."""
    try:
        entries = tomllib.loads(text).get("mutant", [])
    except tomllib.TOMLDecodeError as exc:
        raise EquivalentError(f"{FILE}: {exc}") from exc
    result: list[Equivalent] = []
    for number, entry in enumerate(entries, 1):
        for field in ("path", "before", "after", "reason"):
            value = entry.get(field)
            # A line that a fault removes has nothing after it.
            if not isinstance(value, str) or (field != "after" and not value):
                shown = "missing" if value is None else repr(value)
                raise EquivalentError(
                    f"{FILE}: mutant {number}: {field} is {shown}; expected a text"
                )
        result.append(Equivalent(**{k: entry[k] for k in ("path", "before", "after", "reason")}))
    return result


def reason_of(mutant: Mutant, known: list[Equivalent]) -> str | None:
    """Say why no test can notice this mutant, if that is known."""
    before, after = mutant.lines
    for entry in known:
        if (entry.path, entry.before, entry.after) == (mutant.change.path, before, after):
            return entry.reason
    return None
