"""The judge: holds what the consoles say against the plan and reaches exactly one verdict.

Pure: lines and virtual instants come in, a verdict comes out once.  A fault (panic, crash,
garbled log, marker out of place) ends the run at once under its own name, never as a timeout.

Rules of this file
------------------
1. Passed means: every due expectation was seen, in order, on its owner, and the machines then
   stayed free of faults for the settling time.
2. Within one machine and phase, ordered markers come in the order of the plan.  Across machines
   and phases there is no order: a fast node may be ahead of a slow one.
3. A line is first looked up among the expectations, so a plan may expect what is otherwise
   forbidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.harness.outcome import FAULT_TEXTS, GUEST_FAULTS, MISSING, Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan
from nexus.harness.verdict import PhaseTimes as PhaseTimes
from nexus.harness.verdict import Verdict as Verdict
from nexus.harness.wording import describe_missing, format_ms

# After the last marker the world runs on for this long: time for the frames in flight and for
# a crash right behind the last line to show.
SETTLE_NS: Final = 100_000_000

# After a guest's fault the world runs on for this long, unjudged: a panic has more lines than its
# first, and they are what a person looks for.
AFTERMATH_NS: Final = 10_000_000


class Judge:
    """One run's verdict in the making."""

    def __init__(self, plan: Plan, *, goes_on: bool = False) -> None:
        """Begin; `goes_on` says that the run does not end with its verdict.

        Then a verdict that is not a guest's fault gives way to one that comes later.
        """
        self.plan = plan
        self._goes_on = goes_on
        self.seen_ns: list[int | None] = [None] * len(plan.due)
        self.phases: list[PhaseTimes] = [PhaseTimes(plan.phases[0], 0)]
        self.verdict: Verdict | None = None
        # The bytes that a machine has printed after its last newline.
        self.unfinished: Callable[[str], bytes] = lambda machine: b""
        self._settle_until_ns: int | None = None
        self._matching: Expectation | None = None  # Still set, it took too long.
        everywhere = [(text, Outcome.FORBIDDEN_MARKER) for text in plan.forbidden]
        self._forbidden = {
            machine.label: (
                *((text, Outcome.FORBIDDEN_MARKER) for text in machine.forbidden),
                *everywhere,
                *FAULT_TEXTS,
            )
            for machine in plan.machines
        }
        self._close_phases(0)

    @property
    def phase(self) -> Phase:
        """The phase the run is in."""
        return self.phases[-1].phase

    @property
    def _is_final(self) -> bool:
        """Whether nothing can change the verdict any more."""
        verdict = self.verdict
        return verdict is not None and (not self._goes_on or verdict.outcome in GUEST_FAULTS)

    @property
    def is_complete(self) -> bool:
        """Whether every due expectation has been seen."""
        return None not in self.seen_ns

    def first_missing(self, machine: str | None = None) -> Expectation | None:
        """The first expectation not yet seen, of one machine or of all."""
        for expectation, seen_ns in zip(self.plan.due, self.seen_ns, strict=True):
            if seen_ns is None and machine in (None, expectation.machine):
                return expectation
        return None

    def deadline_ns(self) -> int:
        """The instant at which the judge must be asked again at the latest."""
        deadline_ns = self.plan.total_ns
        if self._settle_until_ns is not None:
            return self._settle_until_ns
        return min(deadline_ns, self.phases[-1].start_ns + self.plan.budget_ns(self.phase))

    def on_line(self, machine: str, line: str, now_ns: int) -> Expectation | None:
        """Judge one console line; return the expectation it met, if it met one."""
        if self._is_final:
            return None
        index, is_known = self._find(machine, line)
        if index is not None and self.verdict is None:
            return self._meet(index, now_ns)
        if is_known:
            return None  # Seen before: a reconnect repeats markers.
        owner = self._owner_of(machine, line)
        if owner is not None:
            self._end(
                Outcome.MISPLACED_MARKER,
                f"machine {machine} printed {line!r}, which is expected of machine {owner.machine} "
                "alone (exclusive)",
                owner,
                machine=machine,
            )
            return None
        for text, outcome in self._forbidden[machine]:
            if text in line:
                self._end(outcome, f"machine {machine} printed {line!r}", None, machine=machine)
                return None
        return None

    def on_garbled(self, machine: str, reason: str) -> None:
        """Judge a console that is no longer text."""
        self._end(Outcome.GARBLED_LOG, f"machine {machine}: {reason}", None, machine=machine)

    def on_stopped(self, machine: str, kind: str, exit_code: int | None) -> None:
        """Judge a machine that went off for good."""
        if exit_code != 0:
            how = "reset itself" if exit_code is None else f"switched off with code {exit_code}"
            assert kind, "a stop has a name"
            self._end(Outcome.GUEST_PANIC, f"machine {machine} {how}", None, machine=machine)
            return
        missing = self.first_missing(machine)
        if missing is not None:
            self._miss(missing, f"machine {machine} switched off")

    def on_stuck(self, machine: str, why: str) -> None:
        """Judge a machine that would go on for ever and never get anywhere."""
        self._end(Outcome.GUEST_PANIC, f"machine {machine} {why}", None, machine=machine)

    def on_time(self, now_ns: int, *, is_quiet: bool) -> None:
        """Judge the time; `is_quiet` says that nothing can ever happen again."""
        if self.verdict is not None:
            return
        if is_quiet:
            self._judge_quiet()
        elif self._settle_until_ns is not None:
            if now_ns >= self._settle_until_ns:
                self._judge_settled()
        elif now_ns >= self.plan.total_ns:
            missing = self.first_missing()
            assert missing is not None, "complete runs settle"
            self._end(
                Outcome.TIME_BUDGET,
                f"the budget of {format_ms(self.plan.total_ns)} is spent; first missing: "
                + self._describe(missing),
                missing,
            )
        elif now_ns >= self.deadline_ns():
            missing = self.first_missing()
            assert missing is not None, "complete runs settle"
            budget = format_ms(self.plan.budget_ns(self.phase))
            self._miss(missing, f"phase {self.phase.value} has spent its {budget}")

    def on_instructions(self, machine: str, count: int) -> None:
        """Judge how much a machine has computed."""
        if count > self.plan.instructions_max:
            limit = self.plan.instructions_max
            self._end(
                Outcome.INSTRUCTION_BUDGET,
                f"machine {machine} retired more than {limit} instructions",
                self.first_missing(),
                machine=machine,
            )

    def on_host(self, outcome: Outcome, message: str) -> None:
        """End the run for a reason outside of the guests."""
        self._end(outcome, message, self.first_missing())

    def _find(self, machine: str, line: str) -> tuple[int | None, bool]:
        is_known = False
        for index, expectation in enumerate(self.plan.due):
            if expectation.machine == machine and self._matches(expectation, line):
                if self.seen_ns[index] is None:
                    return index, True
                is_known = True
        # A marker of a phase that is not due is known too: it is neither judged nor awaited.
        return None, is_known or any(
            e.machine == machine and self._matches(e, line) for e in self.plan.expectations
        )

    def _matches(self, expectation: Expectation, line: str) -> bool:
        self._matching = expectation
        is_match = expectation.matches(line)
        self._matching = None
        return is_match

    def matching_note(self) -> str:
        """Return the pattern that was being matched when the run was broken off, if one was."""
        expectation = self._matching
        if expectation is None:
            return ""
        return f", while it matched a line with the pattern {expectation.text!r}"

    def _meet(self, index: int, now_ns: int) -> Expectation | None:
        expectation = self.plan.due[index]
        for other, seen_ns in zip(self.plan.due[:index], self.seen_ns[:index], strict=True):
            same = (other.machine, other.phase) == (expectation.machine, expectation.phase)
            if same and seen_ns is None and expectation.is_ordered and other.is_ordered:
                self._end(
                    Outcome.MISPLACED_MARKER,
                    f"machine {expectation.machine} printed {expectation.text!r} before "
                    f"{other.text!r}",
                    other,
                )
                return None
        self.seen_ns[index] = now_ns
        self._close_phases(now_ns)
        return expectation

    def _owner_of(self, machine: str, line: str) -> Expectation | None:
        for expectation in self.plan.expectations:
            is_foreign = expectation.machine != machine and expectation.is_exclusive
            if is_foreign and self._matches(expectation, line):
                return expectation
        return None

    def _close_phases(self, now_ns: int) -> None:
        while all(
            seen_ns is not None
            for expectation, seen_ns in zip(self.plan.due, self.seen_ns, strict=True)
            if expectation.phase is self.phase
        ):
            self.phases[-1].end_ns = now_ns
            if self.phase is self.plan.until:
                break
            following = self.plan.phases[len(self.phases)]
            self.phases.append(PhaseTimes(following, now_ns))
        if self._settle_until_ns is None and (self.is_complete or self._all_said_end()):
            self._settle_until_ns = now_ns + SETTLE_NS

    def _all_said_end(self) -> bool:
        """Whether the machines have announced that nothing more will come."""
        ends = [
            seen_ns is not None
            for expectation, seen_ns in zip(self.plan.due, self.seen_ns, strict=True)
            if expectation.phase is Phase.END
        ]
        return bool(ends) and all(ends)

    def _judge_settled(self) -> None:
        missing = self.first_missing()
        if missing is not None:
            self._miss(missing, "the machines have said that they are at the end")
            return
        last_ns = max((seen_ns for seen_ns in self.seen_ns if seen_ns is not None), default=0)
        count = len(self.seen_ns)
        self._end(Outcome.PASSED, f"{count} of {count} markers seen in {format_ms(last_ns)}", None)

    def _judge_quiet(self) -> None:
        missing = self.first_missing()
        if missing is None or self._all_said_end():
            self._judge_settled()
            return
        self._end(
            Outcome.DEADLOCK,
            "every machine waits for ever and no frame is in flight; first missing: "
            + self._describe(missing),
            missing,
        )

    def _miss(self, missing: Expectation, reason: str) -> None:
        self._end(MISSING[missing.phase], f"{reason} without {self._describe(missing)}", missing)

    def _describe(self, expectation: Expectation) -> str:
        """Describe a missing marker, and say whether it is there except for its newline."""
        return describe_missing(expectation, self.unfinished(expectation.machine))

    def _end(
        self,
        outcome: Outcome,
        message: str,
        expectation: Expectation | None,
        *,
        machine: str | None = None,
    ) -> None:
        """Commit the verdict; the first one stands, except for one of a run that goes on."""
        phase: Phase | None = expectation.phase if expectation else self.phase
        if outcome is Outcome.PASSED:
            phase = None
        if self.verdict is None or (outcome in GUEST_FAULTS and not self._is_final):
            self.verdict = Verdict(
                outcome,
                message,
                machine=machine or (expectation.machine if expectation else None),
                phase=phase,
                marker=expectation.text if expectation else None,
            )
