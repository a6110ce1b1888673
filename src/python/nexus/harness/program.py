"""The os2vm program: from a command line to an exit code, with artifacts left behind always.

Every way a run can end passes through `_finish`, which writes the files and says the verdict.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nexus.core.errors import NexusError
from nexus.core.text import printable
from nexus.harness import artifacts, junit, last_words
from nexus.harness.arguments import Options
from nexus.harness.engine import Engine, EngineUnavailableError, HostFaultError
from nexus.harness.observations import Observed
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Plan
from nexus.harness.progress import report
from nexus.harness.report import event, keys, page
from nexus.harness.report.event import Event
from nexus.harness.report.evidence import gather
from nexus.harness.runner import Record, Runner
from nexus.harness.stopping import BrokenOffError, Stopper
from nexus.harness.summary import Deterministic, Summary, Wall, describe, describe_unrun

if TYPE_CHECKING:
    from nexus.coverage.lines import PartLines

_MS_PER_S: Final = 1000.0

# Blame by error; the first match counts, and anything else we raise on purpose is about what
# was given to us.
_OUTCOME_OF_ERROR: Final = (
    (EngineUnavailableError, Outcome.ENGINE_UNAVAILABLE),
    (HostFaultError, Outcome.HOST_FAULT),
    (NexusError, Outcome.BAD_CONFIGURATION),
)

Loader = Callable[[Options], Plan]
Booter = Callable[[Plan, Options], Engine]


@dataclass(slots=True)
class _Ended:
    """The end of a run, which `_finish` writes down."""

    outcome: Outcome
    message: str
    deterministic: Deterministic
    engine: str
    is_reproducible: bool
    wall_ms: dict[str, float]
    files: dict[str, bytes]
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Program:
    """One invocation; the loader and the booter are handed in, so that tests can hand in fakes."""

    def __init__(self, options: Options, load: Loader, boot: Booter, *, sandbox: str = "") -> None:
        """Prepare a run; no message names the `sandbox`, a folder that is gone afterwards."""
        self._sandbox = sandbox
        self._options = options
        self._load = load
        self._boot = boot
        self._began_ms = _clock_ms()
        limit_s = options.wall_seconds
        self._lines: list[PartLines] = []
        self._stopper = Stopper(limit_s, self._began_ms, _clock_ms)

    def run(self) -> int:
        """Do it all; never raises."""
        try:
            with self._stopper:
                return self._finish(self._attempt())
        except HostFaultError as exc:  # Not even the artifacts could be written.
            print(f"os2vm: {Outcome.HOST_FAULT.label}: {printable(str(exc))}", file=sys.stderr)
            return Outcome.HOST_FAULT.exit_code

    def _attempt(self) -> _Ended:
        """Run, and turn whatever goes wrong on the way into an ending."""
        try:
            plan = self._read()
            engine = self._boot(plan, self._options)
            try:
                return self._play(plan, engine)
            finally:
                engine.close()
        except BrokenOffError:
            outcome, why = self._stopper.reason() or (Outcome.HOST_FAULT, "broken off")
            return self._unrun(outcome, f"{why}, while it read the configuration")
        except NexusError as exc:
            outcome = next(o for kind, o in _OUTCOME_OF_ERROR if isinstance(exc, kind))
            return self._unrun(outcome, printable(self._without_sandbox(str(exc)), keep="\n"))
        except Exception as exc:  # A defect of ours; this is the one place that may catch it all.
            message = printable(f"unexpected {type(exc).__name__}: {exc}".splitlines()[0])
            text = _encode(traceback.format_exc())
            return self._unrun(
                Outcome.HOST_FAULT, message + " (see traceback.txt)", {"traceback.txt": text}
            )

    def _read(self) -> Plan:
        """Read everything that was given.

        A file may be a pipe without a writer, and a pattern may take ages even on an empty
        line: a signal and the wall time break this off, too.
        """
        with self._stopper.breakable():
            plan = self._load(self._options)
            self._lines = self._read_lines()
        return plan

    def _play(self, plan: Plan, engine: Engine) -> _Ended:
        build_ms = _clock_ms() - self._began_ms
        options = self._options
        with report(
            plan.labels, is_plain=options.is_plain, is_verbose=options.is_verbose
        ) as reporter:
            stopper = self._stopper
            runner = Runner(plan, reporter, stopper.reason, _clock_ms, stopper.breakable)
            files: dict[str, bytes] = {}
            try:
                runner.run(engine)
            except Exception as exc:
                # The host failed in mid-run: what the guests did so far is evidence, keep it.
                is_ours = isinstance(exc, NexusError)
                note = "" if is_ours else f"unexpected {type(exc).__name__}: "
                lines = str(exc).splitlines() or [""]
                runner.record.judge.on_host(Outcome.HOST_FAULT, note + printable(lines[0]))
                if not is_ours:
                    files["traceback.txt"] = _encode(traceback.format_exc())
        return self._ended(runner.record, engine, build_ms, files)

    def _ended(
        self, record: Record, engine: Engine, build_ms: float, files: dict[str, bytes]
    ) -> _Ended:
        deterministic = describe(
            record,
            states=engine.states(),
            instructions=engine.instructions(),
            faults=engine.fault_counts(),
            trace_digest=engine.trace_digest(),
            settings=self._settings,
        )
        for label, console in record.consoles.items():
            files[f"uart-{label}.log"] = bytes(console)
        if record.verdict.outcome is not Outcome.PASSED:
            files |= last_words.files_of(engine.post_mortem())
        files["capture.pcapng"] = record.capture.content()
        files["trace.txt"] = _encode(engine.trace_text())
        evidence = gather(record, engine, opens_sessions=self._options.opens_sessions)
        files["timeline.jsonl"] = _encode(event.render(evidence.events))
        if record.activity.machines:
            files["activity.json"] = _encode(record.activity.render())
        if evidence.keys:
            files["session-keys.log"] = _encode(keys.render(evidence.keys))
        observed = self._observe(record.plan, engine)
        files |= {name: _encode(text) for name, text in observed.files.items()}
        wall = {phase.value: round(ms, 3) for phase, ms in record.wall_ms.items()}
        return _Ended(
            record.verdict.outcome,
            record.verdict.message,
            deterministic,
            engine.description,
            engine.is_reproducible,
            {Phase.BUILD.value: round(build_ms, 3), **wall},
            files,
            evidence.events,
            observed.notes,
        )

    def _observe(self, plan: Plan, engine: Engine) -> Observed:
        if engine.instruments is None:
            return Observed()
        from nexus.harness.observed import Booted, observe

        machines = [Booted(it.label, it.image_name, it.image) for it in plan.machines]
        return observe(plan.name, machines, engine.instruments, self._lines)

    def _read_lines(self) -> list[PartLines]:
        """Read what has the lines of the images, before anything runs."""
        if not self._options.lines:
            return []
        from nexus.coverage.reading import read_lines_file

        return [part for path in self._options.lines for part in read_lines_file(path)]

    def _unrun(
        self, outcome: Outcome, message: str, files: Mapping[str, bytes] | None = None
    ) -> _Ended:
        options = self._options
        path = options.world or options.node
        seed = 0 if options.seed is None else options.seed
        deterministic = describe_unrun(
            printable(path.stem) if path else "",
            self._settings,
            seed,
            options.until,
            outcome.label,
            message,
        )
        return _Ended(outcome, message, deterministic, options.engine, False, {}, dict(files or {}))

    def _without_sandbox(self, text: str) -> str:
        """Let paths begin where the repository does; a temporary folder helps no reader."""
        return text.replace(f"{self._sandbox}/", "") if self._sandbox else text

    @property
    def _settings(self) -> list[str]:
        return [setting.key for setting in self._options.settings]

    def _finish(self, ended: _Ended) -> int:
        expected = self._options.expect_outcome
        text = self._options.expect_message
        is_success = ended.outcome is expected and (text is None or text in ended.message)
        if is_success:
            exit_code = 0
        elif ended.outcome is Outcome.PASSED or expected is not Outcome.PASSED:
            exit_code = Outcome.UNEXPECTED_OUTCOME.exit_code
        else:
            exit_code = ended.outcome.exit_code
        summary = Summary(
            outcome=ended.outcome.label,
            exit_code=exit_code,
            expected_outcome=expected.label,
            engine=ended.engine,
            is_reproducible=ended.is_reproducible,
            deterministic=ended.deterministic,
            wall=Wall(total_ms=round(_clock_ms() - self._began_ms, 3), phases_ms=ended.wall_ms),
        )
        line = f"{ended.outcome.label}: {ended.message}".replace("\n", "; ")
        ended.files["summary.json"] = _encode(summary.to_json())
        ended.files["junit.xml"] = _encode(
            junit.build(ended.deterministic, expected_outcome=expected.label, is_success=is_success)
        )
        ended.files["result.txt"] = _encode(line + "\n")
        ended.files["report.html"] = _encode(
            page.of_files(summary, ended.events, ended.files, ended.notes)
        )
        self._say(ended, exit_code)
        artifacts.write_all(self._options.out, ended.files)
        print(f"os2vm: artifacts in {printable(str(self._options.out))}")
        return exit_code

    def _say(self, ended: _Ended, exit_code: int) -> None:
        stream = sys.stdout if exit_code == 0 else sys.stderr
        if exit_code != 0:
            last_words.show(ended.files)
            for label, state in ended.deterministic.machine_states.items():
                print(f"os2vm: machine {label} {state}", file=stream)
        if self._options.expect_outcome is not Outcome.PASSED or (
            exit_code == Outcome.UNEXPECTED_OUTCOME.exit_code
        ):
            wanted = self._options.expect_outcome.label
            if self._options.expect_message is not None:
                wanted += f" with {self._options.expect_message!r}"
            print(f"os2vm: expected {wanted}, got {ended.outcome.label}", file=stream)
        # A file with several mistakes has a line for each; the files hold them as one.
        first, *more = ended.message.splitlines() or [""]
        print(f"os2vm: {ended.outcome.label}: {first} [exit {exit_code}]", file=stream)
        for other in more:
            print(f"os2vm: {ended.outcome.label}: {other}", file=stream)
        stream.flush()


def _encode(text: str) -> bytes:
    """Encode for a file: whatever a text holds, an artifact is written."""
    return text.encode("utf-8", "backslashreplace")


def _clock_ms() -> float:
    return time.monotonic() * _MS_PER_S
