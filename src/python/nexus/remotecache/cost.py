"""The savings of a cache in a run, its dearest misses and their causes: from process lines.

Pure.  The lines are those of the `process_log` backend; input trees are read by a function that is
given.  An older run says what a process read then; the first difference is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final  # Any: JSON, as it is read.

from nexus.core.process_kinds import kind_of
from nexus.remotecache.trees import Digest, entries, parse_digest

# Whence a result came, in Pants's words.
FOUND: Final = ("HitLocally", "HitRemotely")
FOUND_REMOTELY: Final = "HitRemotely"

MIB: Final = 1024 * 1024

# How many misses are shown.
MISSES_SHOWN: Final = 10

# Trees deeper than this are not Pants's.
DEPTH_MAX: Final = 64

# `Running the `shell_command` at `//:step1``: the kind of target is in it.
NAMED_KIND: Final = re.compile(r"Running the `([a-z0-9_]+)` at ")
# Otherwise the words before the subject: a path, a number, a name in quotes.
SUBJECT: Final = re.compile(r"( - |[`'\"/]|\d|: | from the | for ).*")

Read = Callable[[Digest], "bytes | None"]


class CostError(Exception):
    """A line is not one of a process; the text names the place and what is wrong."""


@dataclass(frozen=True)
class Process:
    """One process of a run.  Times are milliseconds; variables are digests of their values."""

    description: str
    source: str
    elapsed_ms: int
    saved_ms: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    inputs: str

    @property
    def kind(self) -> str:
        """For which kind of target it is; else the words that say what it does."""
        if named := NAMED_KIND.search(self.description):
            return named[1]
        if kind := kind_of(self.description):
            return kind.targets
        return SUBJECT.sub("", self.description).strip() or self.description[:40]


@dataclass(frozen=True)
class Bytes:
    """The bytes that went between a run and the shared cache."""

    fetched: int
    written: int

    def __str__(self) -> str:
        if not self.fetched and not self.written:
            return "nothing was fetched from a shared cache, and nothing written to one"
        fetched = f"{size(self.fetched)} of outputs fetched and not made here"
        return f"{fetched}, {size(self.written)} written"


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / MIB:.1f} MiB" if count >= MIB else f"{count} bytes"


@dataclass(frozen=True)
class Log:
    """The content of a file of `--process-log-path`, of all runs that it has lines of."""

    processes: list[Process]
    # None where no line says it: the file is older than these lines.
    moved: Bytes | None


def parse(text: str, name: str) -> Log:
    """Read the lines of a file.

    Raises:
        CostError: one is neither of a process nor of bytes.
    """
    processes: list[Process] = []
    moved: Bytes | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entry: dict[str, Any] = json.loads(line)
            if "bytes" in entry:
                counts, before = entry["bytes"], moved or Bytes(0, 0)
                moved = Bytes(
                    before.fetched + int(counts["fetched"]), before.written + int(counts["written"])
                )
            else:
                processes.append(process_of(entry))
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as exc:
            raise CostError(
                f"{name}: line {number} is neither a process nor bytes ({exc!r}); expected a file "
                "of --process-log-path"
            ) from exc
    return Log(processes, moved)


def process_of(entry: Mapping[str, Any]) -> Process:
    """Make a process of its line."""
    return Process(
        description=str(entry["description"]),
        source=str(entry["source"]),
        elapsed_ms=int(entry["elapsed_ms"]),
        saved_ms=int(entry["saved_ms"]),
        argv=tuple(map(str, entry["argv"])),
        env={str(key): str(value) for key, value in entry["env"].items()},
        inputs=str(entry["inputs"]),
    )


def table(processes: Sequence[Process]) -> list[str]:
    """Hits and time by kind, the kind that cost most first, and a line for all."""
    kinds = sorted(
        {process.kind for process in processes},
        key=lambda kind: (-sum(p.elapsed_ms for p in processes if p.kind == kind), kind),
    )
    rows = [(kind, [p for p in processes if p.kind == kind]) for kind in kinds]
    rows.append(("all", list(processes)))
    width = max(len(kind) for kind, _ in rows)
    lines = [f"{'kind':{width}}  processes  found  of them remotely  rate  ran s  saved s"]
    for kind, those in rows:
        found = [p for p in those if p.source in FOUND]
        remotely = sum(p.source == FOUND_REMOTELY for p in those)
        ran = sum(p.elapsed_ms for p in those if p.source not in FOUND) / 1000
        saved = sum(p.saved_ms for p in found) / 1000
        rate = 100 * len(found) // max(1, len(those))
        lines.append(
            f"{kind:{width}}  {len(those):9}  {len(found):5}  {remotely:16}  {rate:3}%  "
            f"{ran:5.1f}  {saved:7.1f}"
        )
    return lines


def misses(processes: Sequence[Process], before: Sequence[Process] | None, read: Read) -> list[str]:
    """The most expensive processes that were not found, each with what had changed."""
    ran = sorted(
        (process for process in processes if process.source not in FOUND),
        key=lambda process: (-process.elapsed_ms, process.description),
    )
    lines = []
    for process in ran[:MISSES_SHOWN]:
        lines.append(f"{process.elapsed_ms / 1000:.1f} s  {process.description}")
        if before is not None:
            lines.append(f"        {why(process, before, read)}")
    if lines and before is None:
        lines.append("what had changed: give an older file of processes, --before FILE")
    return lines


def why(process: Process, before: Iterable[Process], read: Read) -> str:
    """The first difference from the run before."""
    then = [other for other in before if other.description == process.description]
    if not then:
        return "new: the run before had no such process"
    # The most similar of several with one description.
    other = max(then, key=lambda candidate: alike(process, candidate))
    if difference := sequence_difference(other.argv, process.argv):
        return f"its command changed: {difference}"
    if difference := mapping_difference(other.env, process.env):
        return f"its variables changed: {difference}"
    if other.inputs != process.inputs:
        return f"its inputs changed: {tree_difference(other.inputs, process.inputs, read)}"
    return "nothing changed: it was not in the cache, or may not be kept there"


def alike(one: Process, other: Process) -> tuple[bool, bool, bool]:
    """Return how much two have in common."""
    return one.argv == other.argv, one.env == other.env, one.inputs == other.inputs


def sequence_difference(then: Sequence[str], now: Sequence[str]) -> str:
    """The first word that differs."""
    for number, (old, new) in enumerate(zip(then, now, strict=False)):
        if old != new:
            pairs = zip(old, new, strict=False)
            common = next((n for n, (a, b) in enumerate(pairs) if a != b), len(old))
            return f"word {number} was {shown(old, common)} and is {shown(new, common)}"
    if len(then) != len(now):
        return f"it had {len(then)} words and has {len(now)}"
    return ""


def mapping_difference(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The first name that differs."""
    for name in sorted({*then, *now}):
        if name not in then:
            return f"{name} is new"
        if name not in now:
            return f"{name} is gone"
        if then[name] != now[name]:
            return f"the value of {name}"
    return ""


def tree_difference(then: str, now: str, read: Read, path: str = "", depth: int = 0) -> str:
    """The first path at which two input trees differ."""
    old, new = directory(then, read), directory(now, read)
    if old is None or new is None or depth > DEPTH_MAX:
        missing = then if old is None else now
        return f"{path or 'the root'}, whose directory {missing} is not in the store that was given"
    for name in sorted({*old, *new}):
        here = f"{path}/{name}".lstrip("/")
        if name not in old:
            return f"{here} is new"
        if name not in new:
            return f"{here} is gone"
        if old[name] == new[name]:
            continue
        (old_kind, old_value), (new_kind, new_value) = old[name], new[name]
        if old_kind == new_kind == "directory":
            return tree_difference(old_value, new_value, read, here, depth + 1)
        return f"{here} was {old_kind} {old_value} and is {new_kind} {new_value}"
    return "the same entries in another form"


def directory(digest: str, read: Read) -> dict[str, tuple[str, str]] | None:
    """Read a directory; nothing if it is not in the store."""
    wanted = parse_digest(digest)
    if wanted is None:
        return None
    if not wanted.size_bytes:
        return {}
    blob = read(wanted)
    return None if blob is None else entries(blob)


def shown(text: str, place: int) -> str:
    """A word around a place, short enough for a line."""
    begin = max(0, place - 20)
    part = text[begin : begin + 60]
    return f"{'...' if begin else ''}{part!r}{'...' if begin + 60 < len(text) else ''}"
