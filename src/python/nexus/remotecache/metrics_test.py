"""BuildGrid's measurements are on the page: every row, in total, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid.server.metrics_names import METRIC
from buildgrid.server.metrics_utils import create_counter_record, create_gauge_record
from buildgrid.server.scheduler.impl import Scheduler
from buildgrid.server.server import Server
from buildgrid.server.sql.models import Base
from prometheus_client import generate_latest
from sqlalchemy.orm import Session  # pants: no-infer-dep

from nexus.remotecache.metrics import COUNTS, STATES, STATES_SECONDS, TIMES, Metrics, keep_fresh


def page(measured: Metrics) -> list[str]:
    """The lines of the page, without its comments."""
    text = generate_latest(measured.registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def names_of(kinds: type) -> set[str]:
    """All names of measures in BuildGrid's table of them."""
    found: set[str] = set()
    for value in vars(kinds).values():
        found |= names_of(value) if isinstance(value, type) else {value}
    return {name for name in found if isinstance(name, str)}


def test_every_row_is_one_that_buildgrid_has() -> None:
    assert {row.source for row in (*TIMES, *COUNTS, *STATES)} <= names_of(METRIC)


def test_processes_by_state_are_on_the_page() -> None:
    """BuildGrid gives them a label that says nothing."""
    measured = Metrics()
    measured.send_record_nowait(
        create_gauge_record("scheduler.jobs.count", 3, state="QUEUED", propertyLabel="unknown")
    )
    assert 'nexus_cache_jobs{state="QUEUED"} 3.0' in page(measured)


@pytest.mark.parametrize("name", ["scheduler.bots.count", "scheduler.available_bot_capacity.count"])
def test_workers_are_on_the_page_in_total(name: str) -> None:
    measured = Metrics()
    measured.send_record_nowait(create_gauge_record(name, 5, state="OK"))
    measured.send_record_nowait(create_gauge_record(name, 2, state="OK", propertyLabel="big"))
    assert [line.rpartition(" ")[2] for line in page(measured) if 'state="OK"' in line] == ["5.0"]


def test_what_no_row_names_is_let_go() -> None:
    measured = Metrics()
    before = page(measured)
    measured.send_record_nowait(create_gauge_record("made.up", 1, state="x"))
    measured.send_record_nowait(create_counter_record("made.up.count", 1, method="x"))
    measured.send_record_nowait("no record")
    assert page(measured) == before


def test_processes_by_state_are_counted_each_time_the_server_looks() -> None:
    """BuildGrid's own scheduler would say nothing for five minutes after the first count."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
    Base.metadata.create_all(engine)

    @contextmanager
    def session(**_: object) -> Iterator[Session]:
        with Session(engine) as made:
            yield made

    database = SimpleNamespace(session=session)
    scheduler = Scheduler(database, SimpleNamespace(), property_set=SimpleNamespace())
    server = Server(
        server_reflection=False,
        grpc_compression=grpc.Compression.NoCompression,
        is_instrumented=True,
        grpc_server_options=None,
        max_workers=None,
    )
    server._schedulers["main"].add(scheduler)
    keep_fresh(server)
    counted = [scheduler.get_metrics("main") for _ in range(3)]
    assert [bool(it and it["jobs"]) for it in counted] == [True, True, True]
    assert server._monitoring_period == STATES_SECONDS
    engine.dispose()
