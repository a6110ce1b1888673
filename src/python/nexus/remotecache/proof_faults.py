"""Each fault of a shared cache, on the small project, with the counters that it must leave."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from nexus.remotecache import credentials, server, settings
from nexus.remotecache.proof_project import (
    PROCESSES,
    RUN_SECONDS_MAX,
    blob_of,
    output_of_step,
)
from nexus.remotecache.proof_stage import Stage, expect_counters, expect_nothing_served


def serves_and_survives_restart(stage: Stage) -> None:
    """No fault: written once, found by another machine, also after both servers were restarted."""
    with stage.cache() as cache:
        first = stage.run(stage.environment(cache.port))
        expect_counters(first, requests_uncached=PROCESSES, write_successes=PROCESSES)
        second = stage.run(stage.environment(cache.port))
        expect_counters(second, requests_cached=PROCESSES, read_errors=0, write_attempts=0)
    with stage.cache() as cache:
        third = stage.run(stage.environment(cache.port))
        expect_counters(third, requests_cached=PROCESSES, read_errors=0)


def read_only_token(stage: Stage) -> None:
    """A reader's writes are refused and counted; what a writer wrote, it finds."""
    with stage.cache() as cache:
        reader = stage.environment(cache.port, subject=settings.READER)
        refused = stage.run(reader)
        expect_counters(
            refused,
            requests_uncached=PROCESSES,
            write_errors=PROCESSES,
            write_successes=0,
            read_errors=0,
        )
        written = stage.run(stage.environment(cache.port))
        expect_counters(written, requests_uncached=PROCESSES, write_successes=PROCESSES)
        found = stage.run(reader)
        expect_counters(found, requests_cached=PROCESSES, read_errors=0, write_errors=0)


def server_down(stage: Stage) -> None:
    """Nobody listens."""
    expect_nothing_served(stage.run(stage.environment(server.free_port())))


def wrong_instance(stage: Stage) -> None:
    """The server has no instance of that name."""
    with stage.cache() as cache:
        expect_nothing_served(stage.run(stage.environment(cache.port, instance="nope")))


def bad_certificate(stage: Stage) -> None:
    """The server's certificate is of another authority than the one that is trusted."""
    other = credentials.create(stage.folder / "other-keys", lifetime=timedelta(hours=1))
    with stage.cache() as cache:
        environment = stage.environment(cache.port)
        environment["PANTS_REMOTE_CA_CERTS_PATH"] = str(other.ca)
        expect_nothing_served(stage.run(environment))


def expired_token(stage: Stage) -> None:
    """The token was a good one until an hour ago."""
    expired = stage.folder / "expired.token"
    credentials.write_token(
        stage.credentials, expired, settings.WRITER, lifetime=timedelta(hours=-1)
    )
    with stage.cache() as cache:
        environment = stage.environment(cache.port)
        environment["PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH"] = str(expired)
        expect_nothing_served(stage.run(environment))


def killed_half_way(stage: Stage) -> None:
    """Both servers die when the first process has been written."""
    with stage.cache() as cache:

        def kill(pants: subprocess.Popen[bytes]) -> None:
            wait_for_first_result(cache, pants)
            os.kill(cache.front.pid, signal.SIGKILL)
            os.kill(cache.store.pid, signal.SIGKILL)

        run = stage.run(stage.environment(cache.port), meanwhile=kill)
    if run.stats.errors == 0:
        raise AssertionError("the servers were killed, and no error is counted")
    if run.stats["write_successes"] == PROCESSES:
        raise AssertionError("everything was written: the servers were killed too late")


def evicted_blob(stage: Stage) -> None:
    """A blob is gone: a clean miss, and the run that misses puts it back."""
    with stage.cache() as cache:
        environment = stage.environment(cache.port)
        expect_counters(stage.run(environment), write_successes=PROCESSES)
        blob_of(cache.objects, output_of_step(1, stage.salt)).unlink()
        missed = stage.run(environment)
        expect_counters(
            missed, requests_cached=PROCESSES - 1, requests_uncached=1, write_successes=1
        )
        healed = stage.run(environment)
        expect_counters(healed, requests_cached=PROCESSES, read_errors=0)


def corrupted_blob(stage: Stage) -> None:
    """A blob holds other bytes: noticed and run again, and not healed until it is deleted."""
    with stage.cache() as cache:
        environment = stage.environment(cache.port)
        expect_counters(stage.run(environment), write_successes=PROCESSES)
        blob = blob_of(cache.objects, output_of_step(1, stage.salt))
        good = blob.read_bytes()
        blob.chmod(0o600)
        blob.write_bytes(bytes(len(good)))
        for _ in range(2):  # The second time shows that the first did not heal it.
            noticed = stage.run(environment)
            expect_counters(noticed, requests_cached=PROCESSES - 1)
            if noticed.stats.errors + noticed.stats["requests_uncached"] != 1:
                raise AssertionError("the process whose blob is bad must be the one not served")
        blob.unlink()
        expect_counters(stage.run(environment), requests_cached=PROCESSES - 1)
        expect_counters(stage.run(environment), requests_cached=PROCESSES, read_errors=0)


def wait_for_first_result(cache: server.CacheServer, pants: subprocess.Popen[bytes]) -> None:
    """Return when the store holds a result, or raise if Pants ends before that."""
    results = cache.folder / "store" / "actioncache" / "objects"
    deadline = time.monotonic() + RUN_SECONDS_MAX
    while time.monotonic() < deadline and pants.poll() is None:
        if any(path.is_file() for path in results.rglob("*")):
            return
        time.sleep(0.02)
    raise AssertionError("nothing was written to the cache while Pants ran")


FAULTS: Final[tuple[Callable[[Stage], None], ...]] = (
    serves_and_survives_restart,
    read_only_token,
    server_down,
    wrong_instance,
    bad_certificate,
    expired_token,
    killed_half_way,
    evicted_blob,
    corrupted_blob,
)
