"""Processes executed by the servers and not where Pants runs."""

from __future__ import annotations

from nexus.remotecache import settings
from nexus.remotecache.proof_project import NAMES, PROCESSES
from nexus.remotecache.proof_stage import NotTriedError, Stage, expect, expect_all_found
from nexus.remotecache.sandbox import Sandbox, refusal, visible_folders


def executes_remotely(stage: Stage) -> None:
    """Every process runs in the server's sandbox, and another machine finds the results.

    Everything is held, and the holds lie where the sandbox does not see them: a process that ran
    where Pants runs would wait.
    """
    if (reason := refusal()) is not None:
        raise NotTriedError(reason)
    caches = stage.folder / f"{stage.name}-caches"
    caches.mkdir()
    sandbox = Sandbox(jobs=2, folders=visible_folders({}, ()), caches=caches)
    with stage.cache(sandbox=sandbox) as cache:
        environment = stage.environment(cache)
        environment |= settings.execution_environment(
            port=cache.port, caches=str(caches), interpreters=(), tools=("/usr/bin", "/bin")
        )
        first = stage.run(environment, held=NAMES)
        counters = first.stats.counters
        expect("local executions", counters.get("local_execution_requests", 0), 0)
        expect("remote errors", counters.get("remote_execution_errors", 0), 0)
        expect("written", first.stats["write_successes"], PROCESSES)
        # Besides the four there are some that look for tools, which are never cached.
        executed = counters["remote_execution_success"]
        expect("executed", executed, counters["remote_execution_requests"])
        if executed < PROCESSES:
            raise AssertionError(f"{executed} processes executed, at least {PROCESSES} expected")
        expect_all_found(stage.run(environment, held=NAMES))
