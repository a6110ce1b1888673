"""`summary.json`: what a pipeline reads after a run, as a model with a JSON Schema.

Everything under `deterministic` is a function of images, configurations and seed: two runs give
the same bytes.  What depends on the host (wall time, engine) is kept apart from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from nexus.harness.phase import GUEST_PHASES, Phase
from nexus.harness.runner import Record


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PhaseSummary(_Part):
    """One phase in virtual time; null where the run did not get there."""

    name: str
    budget_ns: int
    start_ns: int | None
    end_ns: int | None
    duration_ns: int | None


class ExpectationSummary(_Part):
    """One expected line and when it was seen, if it was."""

    machine: str
    phase: str
    marker: str
    is_pattern: bool
    seen_ns: int | None


class Digests(_Part):
    """SHA-256 of what went in and what came out."""

    images: dict[str, str]
    configs: dict[str, str]
    drives: dict[str, str]  # `A.drive2`: what was on it at power-on.
    logs: dict[str, str]
    capture: str
    trace: str


class Deterministic(_Part):
    """The part that two runs of one seed agree on to the byte."""

    world: str
    settings: list[str]  # Keys whose values `--set` gave; the digests know the values.
    seed: int
    until: str
    outcome: str
    message: str
    machine: str | None
    phase: str | None
    first_missing_marker: str | None
    virtual_ns: int
    phases: list[PhaseSummary]
    expectations: list[ExpectationSummary]
    machine_states: dict[str, str]
    instructions: dict[str, int]
    frames_sent: dict[str, int]
    frames_not_captured: int
    faults: dict[str, int]
    digests: Digests | None


class Wall(_Part):
    """Wall-clock milliseconds: of interest to people, never part of a verdict."""

    total_ms: float
    phases_ms: dict[str, float]


class Summary(_Part):
    """The whole file."""

    format: Literal["nexus-run-summary"] = "nexus-run-summary"
    version: Literal[1] = 1
    outcome: str
    exit_code: int
    expected_outcome: str
    engine: str
    is_reproducible: bool
    deterministic: Deterministic
    wall: Wall

    def to_json(self) -> str:
        """The file's text: sorted keys, one final newline."""
        return json.dumps(self.model_dump(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, object]:
    """The JSON Schema of the file."""
    schema = Summary.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def digest(data: bytes) -> str:
    """SHA-256 as the summary writes it."""
    return hashlib.sha256(data).hexdigest()


def describe(
    record: Record,
    *,
    states: dict[str, str],
    instructions: dict[str, int],
    faults: dict[str, int],
    trace_digest: str,
    settings: Sequence[str],
) -> Deterministic:
    """Gather the deterministic part from a run."""
    plan, verdict = record.plan, record.verdict
    return Deterministic(
        world=plan.name,
        settings=list(settings),
        seed=plan.seed,
        until=plan.until.value,
        outcome=verdict.outcome.label,
        message=verdict.message,
        machine=verdict.machine,
        phase=verdict.phase.value if verdict.phase else None,
        first_missing_marker=verdict.marker,
        virtual_ns=record.now_ns,
        phases=_phases(record),
        expectations=_expectations(record),
        machine_states=states,
        instructions=instructions,
        frames_sent=record.capture.frames,
        frames_not_captured=record.capture.dropped,
        faults=faults,
        digests=Digests(
            images={m.image_name: digest(m.image) for m in plan.machines},
            configs={m.label: digest(m.config) for m in plan.machines},
            drives={
                f"{machine.label}.drive{drive.slot}": digest(drive.content)
                for machine in plan.machines
                for drive in machine.drives
            },
            logs={label: digest(bytes(data)) for label, data in record.consoles.items()},
            capture=digest(record.capture.content()),
            trace=trace_digest,
        ),
    )


def describe_unrun(
    world: str, settings: Sequence[str], seed: int, until: Phase, outcome: str, message: str
) -> Deterministic:
    """The deterministic part of a run that never began."""
    return Deterministic(
        world=world,
        settings=list(settings),
        seed=seed,
        until=until.value,
        outcome=outcome,
        message=message,
        machine=None,
        phase=Phase.BUILD.value,
        first_missing_marker=None,
        virtual_ns=0,
        phases=[],
        expectations=[],
        machine_states={},
        instructions={},
        frames_sent={},
        frames_not_captured=0,
        faults={},
        digests=None,
    )


def _phases(record: Record) -> list[PhaseSummary]:
    times = {entry.phase: entry for entry in record.judge.phases}
    summaries = []
    for phase in GUEST_PHASES:
        if phase not in record.plan.phases:
            continue
        entry = times.get(phase)
        start_ns = entry.start_ns if entry else None
        end_ns = entry.end_ns if entry else None
        duration_ns = None if start_ns is None or end_ns is None else end_ns - start_ns
        summaries.append(
            PhaseSummary(
                name=phase.value,
                budget_ns=record.plan.budget_ns(phase),
                start_ns=start_ns,
                end_ns=end_ns,
                duration_ns=duration_ns,
            )
        )
    return summaries


def _expectations(record: Record) -> list[ExpectationSummary]:
    return [
        ExpectationSummary(
            machine=expectation.machine,
            phase=expectation.phase.value,
            marker=expectation.text,
            is_pattern=expectation.is_pattern,
            seen_ns=seen_ns,
        )
        for expectation, seen_ns in zip(record.plan.due, record.judge.seen_ns, strict=True)
    ]
