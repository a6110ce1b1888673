"""Oracles: functions that look at a run and name what must never be.

An oracle is a Python file with a function `check(observation)` that yields violations.  A file of
a user is loaded by its path; it may import `nexus.campaign.observation` and this module.
"""

from __future__ import annotations

import importlib.util
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from nexus.campaign.observation import Observation
from nexus.core.errors import NexusError

# As many as a report can show; a run that breaks a rule a thousand times breaks it once.
VIOLATIONS_MAX: Final = 100

# Processor time for one oracle and one run.  Those that are there take milliseconds; a pattern that
# tries without end, or a loop, must not hold a campaign up for ever.
ORACLE_SECONDS_MAX: Final = 120
# The same for one that waits, in wall time: a busy host takes long over an oracle that is well.
ORACLE_WAIT_SECONDS_MAX: Final = 3600
# How often both times are looked at.  Should the oracle catch what ends it, the next look ends it.
_REPEAT_S: Final = 1.0

# The errors that a user's code may end with: its own mistake, and not a verdict.
_ITS_OWN: Final = (Exception, SystemExit)


class OracleError(NexusError):
    """A file that is not an oracle, or one that failed; the message names it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be."""

    name: str  # The rule's name, such as `lost-write`; equal names are one failure.
    machine: str  # Where; "" if it is nowhere in particular.
    ns: int
    message: str  # One line.

    def __str__(self) -> str:
        where = f" machine {self.machine}" if self.machine else ""
        return f"{self.name}:{where} at {self.ns / 1e6:.6f} ms: {self.message}"


class Oracle(Protocol):
    """A rule, or several."""

    def check(self, observation: Observation) -> Iterable[Violation]:
        """Yield what breaks it, in time."""


@dataclass(frozen=True, slots=True)
class FileOracle:
    """The function `check` of a Python file."""

    path: Path
    function: Callable[[Observation], Iterable[Violation]]

    def check(self, observation: Observation) -> Iterator[Violation]:
        """Yield what it finds.

        Raises:
            OracleError: it raised, or gave something else than violations.
        """
        try:
            with _bounded():
                for violation in self.function(observation):
                    if not isinstance(violation, Violation):
                        raise TypeError(f"check() yielded {violation!r}; expected a Violation")
                    yield violation
        except _ITS_OWN as exc:
            text = f"{type(exc).__name__}: {exc}".splitlines()[0]
            raise OracleError(f"oracle {self.path.name}: seed {observation.seed}: {text}") from exc


def load_oracle(path: Path) -> FileOracle:
    """Load the oracle of a file.

    Raises:
        OracleError: it cannot be read, or has no function `check`.
    """
    name = f"nexus_oracle_{path.stem}"
    if not path.is_file():
        raise OracleError(f"oracle: {path} is not there; expected a Python file with check()")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OracleError(f"oracle: {path} is not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Dataclasses of the file look their module up.
    try:
        with _bounded():
            spec.loader.exec_module(module)
    except _ITS_OWN as exc:
        text = f"{type(exc).__name__}: {exc}".splitlines()[0]
        raise OracleError(f"oracle: {path}: {text}") from exc
    function = getattr(module, "check", None)
    if not callable(function):
        raise OracleError(f"oracle: {path} has no function check(observation); add one")
    return FileOracle(path, function)


@contextmanager
def _bounded() -> Iterator[None]:
    """End a user's code when its time is over; signals reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began_s, began_core_s = time.monotonic(), time.process_time()

    def on_alarm(number: int, frame: FrameType | None) -> None:
        if time.process_time() - began_core_s >= ORACLE_SECONDS_MAX:
            raise TimeoutError(f"not finished after {ORACLE_SECONDS_MAX} s of processor time")
        if time.monotonic() - began_s >= ORACLE_WAIT_SECONDS_MAX:
            raise TimeoutError(f"not finished after {ORACLE_WAIT_SECONDS_MAX} s of wall time")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, _REPEAT_S, _REPEAT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judge(oracles: Sequence[Oracle], observation: Observation) -> tuple[Violation, ...]:
    """Ask every oracle; the violations in time, a bounded number of them."""
    found: list[Violation] = []
    for oracle in oracles:
        for count, violation in enumerate(oracle.check(observation), start=1):
            found.append(violation)
            if count == VIOLATIONS_MAX:
                break
    return tuple(sorted(found, key=lambda violation: (violation.ns, violation.name)))
