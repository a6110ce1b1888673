"""The outcomes of a run: each has a name for people and an exit code for pipelines.

Only `PASSED` is 0, and there is one path to it.  The codes are an interface: never reuse one.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from nexus.harness.phase import Phase


class Outcome(Enum):
    """The verdict on a run; the value is (name, exit code)."""

    PASSED = ("passed", 0)
    # The guest's fault.
    FORBIDDEN_MARKER = ("forbidden-marker", 10)
    GUEST_PANIC = ("guest-panic", 11)
    TIME_BUDGET = ("time-budget", 12)
    DEADLOCK = ("deadlock", 13)
    GARBLED_LOG = ("garbled-log", 14)
    INSTRUCTION_BUDGET = ("instruction-budget", 15)
    SERVICE_CRASH = ("service-crash", 16)
    MISPLACED_MARKER = ("misplaced-marker", 17)
    MISSING_LAUNCH = ("missing-launch", 30)
    MISSING_DISCOVERY = ("missing-discovery", 31)
    MISSING_SESSION = ("missing-session", 41)
    MISSING_REMOTE = ("missing-remote", 51)
    MISSING_END = ("missing-end", 61)
    # The author's fault: nothing was run, or not what was announced happened.
    UNEXPECTED_OUTCOME = ("unexpected-outcome", 18)
    BAD_CONFIGURATION = ("bad-configuration", 20)
    # The host's fault.
    HOST_FAULT = ("host-fault", 21)
    ENGINE_UNAVAILABLE = ("engine-unavailable", 22)
    INTERRUPTED = ("interrupted", 130)

    @property
    def label(self) -> str:
        """The name, as `--expect-outcome` and the summary have it."""
        return self.value[0]

    @property
    def exit_code(self) -> int:
        """The exit code that the process ends with."""
        return self.value[1]


BY_LABEL = {outcome.label: outcome for outcome in Outcome}

MISSING = {
    Phase.LAUNCH: Outcome.MISSING_LAUNCH,
    Phase.DISCOVERY: Outcome.MISSING_DISCOVERY,
    Phase.SESSION: Outcome.MISSING_SESSION,
    Phase.REMOTE: Outcome.MISSING_REMOTE,
    Phase.END: Outcome.MISSING_END,
}

# Said by a guest's console, in mid-run.
GUEST_FAULTS = frozenset(
    {
        Outcome.FORBIDDEN_MARKER,
        Outcome.GUEST_PANIC,
        Outcome.GARBLED_LOG,
        Outcome.SERVICE_CRASH,
        Outcome.MISPLACED_MARKER,
    }
)

# Texts that no console may have, and the outcome of each.  First match wins.
FAULT_TEXTS: Final = (
    ("kernel: service crashed", Outcome.SERVICE_CRASH),
    ("panic", Outcome.GUEST_PANIC),
    (" FAIL", Outcome.FORBIDDEN_MARKER),
)
