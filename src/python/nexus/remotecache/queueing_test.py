"""Processes that no worker could take end after a while, and no others do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any  # Any: BuildGrid publishes no types.

import pytest
import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.google.rpc import code_pb2
from buildgrid.server.enums import OperationStage
from buildgrid.server.sql.models import Base, BotEntry, BotPlatformEntry, JobEntry
from sqlalchemy.orm import Session, sessionmaker  # pants: no-infer-dep

from nexus.remotecache.queueing import REASON, Hopeless
from nexus.remotecache.settings import WORKERLESS_SECONDS_MAX

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Place:
    """A queue and workers in a database, and a clock."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self.sessions = sessionmaker(engine)
        self.seconds = 0.0
        self.hopeless = Hopeless(lambda: self.seconds)
        self.ended: list[tuple[list[str], int, str]] = []
        self.scheduler = SimpleNamespace(
            _sql_ro=SimpleNamespace(session=self.sessions), _batch_timeout_jobs=self.end
        )

    def end(self, jobs: Any, code: int, reason: str) -> int:
        with self.sessions() as session:
            names = sorted(job.name for job in session.execute(jobs).scalars())
        self.ended.append((names, code, reason))
        return len(names)

    def add(self, *rows: Base) -> None:
        with self.sessions.begin() as session:
            session.add_all(rows)

    def look(self, after: float = 0.0) -> int:
        self.seconds += after
        return self.hopeless.end(self.scheduler, NOW, 100)


@pytest.fixture(name="place")
def queue() -> Iterator[Place]:
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(engine)
    yield Place(engine)
    engine.dispose()


def job(name: str, kind: str, stage: OperationStage = OperationStage.QUEUED) -> JobEntry:
    return JobEntry(
        name=name,
        instance_name="main",
        action_digest=f"{name}/1",
        action=b"",
        platform_requirements=kind,
        command="",
        stage=stage.value,
        queued_timestamp=NOW,
    )


def bot(name: str, *kinds: str) -> list[Base]:
    entry = BotEntry(
        name=name,
        bot_id=name,
        instance_name="main",
        bot_status=1,
        expiry_time=NOW,
        last_update_timestamp=NOW,
    )
    return [entry, *(BotPlatformEntry(bot_name=name, platform=kind) for kind in kinds)]


def test_what_no_worker_could_take_ends_after_a_while_and_says_why(place: Place) -> None:
    place.add(job("a", "big"), job("b", "small"), job("c", "big"), *bot("worker", "small"))
    assert place.look() == 0
    assert place.look(WORKERLESS_SECONDS_MAX - 1) == 0
    assert place.look(1) == 2
    assert place.ended == [(["a", "c"], code_pb2.FAILED_PRECONDITION, REASON)]


def test_what_waits_for_busy_workers_waits_on(place: Place) -> None:
    place.add(job("a", "small"), *bot("worker", "small"))
    for _ in range(3):
        assert place.look(WORKERLESS_SECONDS_MAX) == 0


def test_a_worker_that_comes_back_in_time_takes_them(place: Place) -> None:
    place.add(job("a", "big"))
    place.look()
    place.add(*bot("worker", "big"))
    place.look(WORKERLESS_SECONDS_MAX)
    with place.sessions.begin() as session:
        gone(session)
    assert place.look() == 0
    assert place.look(WORKERLESS_SECONDS_MAX - 1) == 0
    assert place.look(1) == 1


def gone(session: Session) -> None:
    """The workers go away."""
    session.execute(sqlalchemy.delete(BotPlatformEntry))


@pytest.mark.parametrize("stage", [OperationStage.EXECUTING, OperationStage.COMPLETED])
def test_what_runs_or_has_ended_is_left_alone(place: Place, stage: OperationStage) -> None:
    place.add(job("a", "big", stage))
    place.look()
    assert place.look(WORKERLESS_SECONDS_MAX) == 0
