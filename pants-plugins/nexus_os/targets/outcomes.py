"""The outcome that a test of machines expects: how the run must end, and with what message."""

from __future__ import annotations

from pants.engine.target import StringField
from pants.util.strutil import help_text

from nexus_os.targets.suggestion import ChoiceField

# Every way in which the runner says that a run ended.
OUTCOMES = (
    "passed",
    "forbidden-marker",
    "guest-panic",
    "time-budget",
    "deadlock",
    "garbled-log",
    "instruction-budget",
    "service-crash",
    "misplaced-marker",
    "missing-launch",
    "missing-discovery",
    "missing-session",
    "missing-remote",
    "missing-end",
    "unexpected-outcome",
    "bad-configuration",
    "host-fault",
    "engine-unavailable",
    "interrupted",
)


class TestOutcomeField(ChoiceField):
    alias = "outcome"
    default = "passed"
    valid_choices = OUTCOMES
    help = help_text(
        """
        The name of the outcome that makes the test pass. With an outcome other than `passed`, the
        test shows that a fault is noticed and named correctly; `message` says what its explanation
        must contain.

        The guest's fault: `forbidden-marker`, `guest-panic`, `service-crash`, `garbled-log`,
        `misplaced-marker`, `deadlock` (no machine can ever go on), `time-budget`,
        `instruction-budget`, and `missing-` with the phase of the first line that did not come; for
        a single node that is `missing-launch`. The author's fault: `bad-configuration`.
        """
    )


class TestMessageField(StringField):
    alias = "message"
    help = help_text(
        """
        Text that the explanation of the outcome must contain, so that a test that must fail does so
        for the reason that is meant. The test prints the explanation.

        Example: `outcome="guest-panic", message="kernel: panic: init exited"`
        """
    )
