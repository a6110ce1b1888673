"""The end of processes that wait for a worker that is not there; the client learns why.

BuildGrid refuses properties whose names it does not know.  Those it knows may have a value that no
worker has, or the last worker of a kind may be gone for good; then a process would wait for ever.
BuildGrid's own bound ends whatever waits, also in a long queue in front of busy workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final  # Any: BuildGrid publishes no types.

from buildgrid._protos.google.rpc import code_pb2
from buildgrid.server.enums import OperationStage
from buildgrid.server.scheduler.impl import Scheduler
from buildgrid.server.sql.models import BotPlatformEntry, JobEntry
from sqlalchemy import select  # pants: no-infer-dep; it comes with BuildGrid

from nexus.remotecache.settings import MATCHED_PROPERTIES, WORKERLESS_SECONDS_MAX

# Kinds of processes that are ended at a time: a statement of SQL has so many values at most.
KINDS_MAX: Final = 1000

REASON: Final = (
    f"for {WORKERLESS_SECONDS_MAX} s no worker has had the properties that this process asks for "
    f"({', '.join(MATCHED_PROPERTIES)}); start one that has them (--property), or ask for others"
)


class Hopeless:
    """Since when there has been no worker, by kind of process: by the hash of its properties."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.since: dict[str, float] = {}

    def end(self, scheduler: Any, _before: datetime, limit: int) -> int:
        """End processes that have waited too long for a worker to come; how many."""
        waiting = select(JobEntry.platform_requirements).where(
            JobEntry.stage == OperationStage.QUEUED.value
        )
        with scheduler._sql_ro.session() as session:
            asked = set(session.execute(waiting.distinct()).scalars())
            served = set(session.execute(select(BotPlatformEntry.platform).distinct()).scalars())
        now = self.now()
        self.since = {kind: self.since.get(kind, now) for kind in sorted(asked - served)}
        ripe = [k for k, began in self.since.items() if now - began >= WORKERLESS_SECONDS_MAX]
        if not ripe:
            return 0
        jobs = (
            select(JobEntry)
            .where(JobEntry.stage == OperationStage.QUEUED.value)
            .where(JobEntry.platform_requirements.in_(ripe[:KINDS_MAX]))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return int(scheduler._batch_timeout_jobs(jobs, code_pb2.FAILED_PRECONDITION, REASON))


def install() -> None:
    """Take the place of BuildGrid's bound on the time in its queue."""
    hopeless = Hopeless()

    def end(scheduler: Scheduler, before: datetime, limit: int) -> int:
        return hopeless.end(scheduler, before, limit)

    Scheduler._timeout_queued_jobs_scheduled_before = end
