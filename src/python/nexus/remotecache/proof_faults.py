"""Faults that leave the servers as they are, on the small project, with the counters they cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from nexus.remotecache import credentials, processes, report, settings
from nexus.remotecache.proof_project import NAMES, PROCESSES, blob_of, output_of_step
from nexus.remotecache.proof_stage import (
    Stage,
    expect,
    expect_all_found,
    expect_counters,
    expect_nothing_served,
    expect_one_missing,
    expect_ran_here,
    expect_report,
)


def serves_and_survives_restart(stage: Stage) -> None:
    """No fault: what a writer wrote, a reader finds, though both servers were restarted."""
    with stage.cache() as cache:
        written = stage.run(stage.environment(cache))
        expect_ran_here(written, PROCESSES, written=PROCESSES)
        expect_report(written, report.SERVED)
    with stage.cache() as cache:
        reader = stage.environment(cache, subject=settings.READER)
        expect_all_found(stage.run(reader, held=NAMES))


def read_only_token(stage: Stage) -> None:
    """A reader's writes are refused and counted."""
    refused = stage.run(stage.environment(stage.shared, subject=settings.READER))
    expect_counters(
        refused,
        requests_cached=0,
        write_errors=PROCESSES,
        write_successes=0,
        read_errors=0,
    )
    expect_report(refused, report.NOT_SERVED)


def server_down(stage: Stage) -> None:
    """No server listens."""
    environment = stage.environment(stage.shared)
    environment["PANTS_REMOTE_STORE_ADDRESS"] = f"grpcs://localhost:{processes.free_port()}"
    expect_nothing_served(stage.run_until_noticed(environment))


def wrong_instance(stage: Stage) -> None:
    """The server has no instance of that name."""
    environment = stage.environment(stage.shared, instance="nope")
    expect_nothing_served(stage.run_until_noticed(environment))


def bad_certificate(stage: Stage) -> None:
    """The server's certificate is of another authority than the one that is trusted."""
    other = credentials.create(stage.folder / "other-keys", lifetime=timedelta(hours=1))
    environment = stage.environment(stage.shared)
    environment["PANTS_REMOTE_CA_CERTS_PATH"] = str(other.ca)
    expect_nothing_served(stage.run_until_noticed(environment))


def expired_token(stage: Stage) -> None:
    """The token was a good one until an hour ago."""
    expired = stage.folder / "expired.token"
    credentials.write_token(
        stage.credentials, expired, settings.WRITER, lifetime=timedelta(hours=-1)
    )
    environment = stage.environment(stage.shared)
    environment["PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH"] = str(expired)
    expect_nothing_served(stage.run_until_noticed(environment))


def evicted_blob(stage: Stage) -> None:
    """A blob is gone: a clean miss, and the run that misses puts it back."""
    environment = stage.environment(stage.shared)
    expect_counters(stage.run(environment), write_successes=PROCESSES)
    output = output_of_step(1, stage.salt)
    blob = blob_of(stage.shared.objects, output)
    blob.unlink()
    missed = stage.run_without_first(environment)
    expect_ran_here(missed, 1, written=1)
    expect_one_missing(missed)
    expect("the blob, put back", blob.read_bytes(), output)


def corrupted_blob(stage: Stage) -> None:
    """A blob holds other bytes: noticed and run again, and not healed until it is deleted."""
    environment = stage.environment(stage.shared)
    expect_counters(stage.run(environment), write_successes=PROCESSES)
    output = output_of_step(1, stage.salt)
    blob = blob_of(stage.shared.objects, output)
    blob.chmod(0o600)
    bad = bytes(len(output))
    blob.write_bytes(bad)
    expect_one_missing(stage.run_without_first(environment))
    # The store has something of that name, so what ran again was not stored.
    expect("the blob, still bad", blob.read_bytes(), bad)
    blob.unlink()
    expect_one_missing(stage.run_without_first(environment))
    expect("the blob, healed", blob.read_bytes(), output)


CASES: Final[tuple[Callable[[Stage], None], ...]] = (
    serves_and_survives_restart,
    read_only_token,
    server_down,
    wrong_instance,
    bad_certificate,
    expired_token,
    evicted_blob,
    corrupted_blob,
)
