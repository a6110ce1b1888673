"""`--process-log-path=FILE`: a line for each process and one for bytes, for `ci:cache_report`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Iterable, Optional, Tuple  # Any: work units are JSON, as Pants has it.

from pants.engine.internals.scheduler import Workunit
from pants.engine.rules import Rule, collect_rules, rule
from pants.engine.streaming_workunit_handler import (
    StreamingWorkunitContext,
    WorkunitsCallback,
    WorkunitsCallbackFactory,
    WorkunitsCallbackFactoryRequest,
)
from pants.engine.unions import UnionRule
from pants.option.option_types import StrOption
from pants.option.subsystem import Subsystem

from process_log.histograms import HistogramError, line_of_bytes
from process_log.lines import line_of

logger = logging.getLogger(__name__)


class ProcessLog(Subsystem):
    """The processes that a run executed or found."""

    options_scope = "process-log"
    help = "A file with one line for each process of a run."

    path = StrOption(
        default="",
        help="Append a line of JSON there for each process that ran or was found, and one for "
        "the bytes that were fetched and written; empty: none.",
    )


class ProcessLogRequest:
    """Asks for the callback."""


class ProcessLogCallback(WorkunitsCallback):
    """Writes as processes end, so that a run that breaks off has left what it did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def can_finish_async(self) -> bool:
        """The file must be whole when the run has ended."""
        return False

    def __call__(
        self,
        *,
        completed_workunits: Tuple[Workunit, ...],
        started_workunits: Tuple[Workunit, ...],
        context: StreamingWorkunitContext,
        finished: bool = False,
        **kwargs: Any,
    ) -> None:
        """Append the lines of what ended since the last time."""
        lines = [line for line in map(line_of, completed_workunits) if line is not None]
        if finished:
            lines.append(bytes_of(context))
        if lines:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(lines)


def bytes_of(context: StreamingWorkunitContext) -> str:
    """The line of the run's bytes; that there is none does not end the run."""
    histograms = context.get_observation_histograms()["histograms"]
    try:
        return line_of_bytes({name: bytes(blob) for name, blob in histograms.items()})
    except HistogramError as exc:
        logger.warning(f"--process-log-path: bytes are not counted: {exc}")
        return ""


@rule
def construct_callback(_: ProcessLogRequest, options: ProcessLog) -> WorkunitsCallbackFactory:
    """Make the callback, if there is a file to write."""
    path: Optional[str] = options.path or None
    return WorkunitsCallbackFactory(lambda: ProcessLogCallback(Path(path)) if path else None)


def rules() -> Iterable[Rule]:
    """The options that Pants gets."""
    return [
        UnionRule(WorkunitsCallbackFactoryRequest, ProcessLogRequest),
        *collect_rules(),
    ]
