"""The measurements of the front, for Prometheus.

BuildGrid measures itself and hands records to a bus.  This bus counts those that the table names;
a label can have only values that the server chooses, so no client can make the page grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

from buildgrid._protos.build.buildgrid.monitoring_pb2 import MetricRecord
from buildgrid.server.monitoring import MonitoringBus, MonitoringOutputType
from buildgrid.server.server import Server
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a lookup to a build that takes hours.
SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0, 600.0, 3600.0)


@dataclass(frozen=True)
class Row:
    """One measure: how BuildGrid calls it, and how we do."""

    source: str
    name: str
    text: str
    labels: Mapping[str, str]


TIMES: Final = (
    Row(
        "rpc.duration.ms",
        "nexus_cache_call_seconds",
        "how long calls took; lookups that found nothing have the status NOT_FOUND",
        {"method": "method", "status": "status"},
    ),
    Row("job.duration.ms", "nexus_cache_job_seconds", "how long jobs took", {"state": "state"}),
)
COUNTS: Final = (
    Row("rpc.input_bytes.count", "nexus_cache_received_bytes", "received", {"method": "method"}),
    Row("rpc.output_bytes.count", "nexus_cache_sent_bytes", "sent", {"method": "method"}),
)
# These come by kinds of process alone, of which there is one: no property is configured to name it.
JOBS: Final = "scheduler.jobs.count"

STATES: Final = (
    Row(JOBS, "nexus_cache_jobs", "processes now", {"state": "state"}),
    Row("scheduler.bots.count", "nexus_cache_workers", "workers now", {"state": "state"}),
    Row(
        "scheduler.available_bot_capacity.count",
        "nexus_cache_worker_capacity",
        "processes that workers could take now",
        {"state": "state"},
    ),
    Row("connections.clients.count", "nexus_cache_waiting_clients", "clients that wait", {}),
)


# BuildGrid looks at its workers once a minute and at its jobs every five, for the sake of databases
# of millions of jobs.  A page that is asked every 15 s would show a queue that is long gone.
STATES_SECONDS: Final = 5.0


def keep_fresh(server: Server) -> None:
    """Let a server, which has not started, look at its states more often."""
    server._monitoring_period = STATES_SECONDS
    for schedulers in server._schedulers.values():
        for scheduler in schedulers:
            # The server's own period is enough.
            scheduler._scheduler_metrics_publish_interval = timedelta(0)


class Metrics(MonitoringBus):  # type: ignore[misc]  # BuildGrid has no types.
    """BuildGrid's records, counted here; it starts no process of its own."""

    def __init__(self) -> None:
        super().__init__(MonitoringOutputType.SILENT)
        self.registry = CollectorRegistry()
        self.times = {
            row.source: (
                row,
                Histogram(
                    row.name, row.text, list(row.labels), registry=self.registry, buckets=SECONDS
                ),
            )
            for row in TIMES
        }
        self.counts = {
            row.source: (row, Counter(row.name, row.text, list(row.labels), registry=self.registry))
            for row in COUNTS
        }
        self.states = {
            row.source: (row, Gauge(row.name, row.text, list(row.labels), registry=self.registry))
            for row in STATES
        }
        self.refusals = Counter(
            "nexus_cache_refused",
            "calls without the right to make them",
            ["method"],
            registry=self.registry,
        )
        self.results = Counter(
            "nexus_cache_results_written",
            "results, by what became of them",
            ["outcome"],
            registry=self.registry,
        )

    def send_record_nowait(self, record: Any) -> None:
        """Count a record; those of logs, and those that no row names, are let go."""
        if not isinstance(record, MetricRecord):
            return
        name = record.name
        # A state by kinds of worker comes again in total: the total is what is kept.
        if record.metadata.get("propertyLabel") and name != JOBS:
            return
        if name in self.times:
            seconds = record.duration.ToMicroseconds() / 1e6
            _labelled(*self.times[name], record).observe(seconds)
        elif name in self.counts:
            _labelled(*self.counts[name], record).inc(record.count)
        elif name in self.states:
            _labelled(*self.states[name], record).set(record.value)


def _labelled(row: Row, metric: Any, record: Any) -> Any:
    """The metric of a record's labels."""
    if not row.labels:
        return metric
    return metric.labels(**{name: record.metadata.get(key, "") for name, key in row.labels.items()})
