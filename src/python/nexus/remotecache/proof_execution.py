"""Processes executed by the servers and not where Pants runs."""

from __future__ import annotations

from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache import server, settings
from nexus.remotecache.execution import digest_of
from nexus.remotecache.proof_project import NAMES, PROCESSES
from nexus.remotecache.proof_stage import NotTriedError, Stage, expect, expect_all_found
from nexus.remotecache.sandbox import Sandbox, refusal, visible_folders

# It refuses at once; this is for a machine with other work.
ANSWER_SECONDS_MAX: Final = 60

# A writer is told that there is no such action; a reader is told nothing.
CODES: Final = {settings.WRITER: "FAILED_PRECONDITION", settings.READER: "UNAUTHENTICATED"}


def executes_remotely(stage: Stage) -> None:
    """Every process runs in the server's sandbox, and another machine finds the results.

    Everything is held, and the holds lie where the sandbox does not see them: a process that ran
    where Pants runs would wait.
    """
    if (reason := refusal()) is not None:
        raise NotTriedError(reason)
    caches = stage.folder / f"{stage.salt}-caches"
    caches.mkdir()
    tools = ("/usr/bin", "/bin")
    sandbox = Sandbox(jobs=2, folders=visible_folders({}, ()), caches=caches, tools=tools)
    with stage.cache(sandbox=sandbox) as cache:
        environment = stage.environment(cache)
        environment |= settings.execution_environment(
            port=cache.port, caches=str(caches), interpreters=(), tools=tools
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
        for subject, code in CODES.items():
            expect(f"answer to a {subject}", code_of_execution(cache, subject), code)


def code_of_execution(cache: server.CacheServer, subject: str) -> str:
    """What somebody is answered who asks to execute what is not there."""
    made = cache.credentials
    trusted = grpc.ssl_channel_credentials(made.ca.read_bytes())
    token = made.token(subject).read_text(encoding="ascii")
    request = messages.ExecuteRequest(
        instance_name=settings.INSTANCE, action_digest=digest_of(b"whatever")
    )
    with grpc.secure_channel(f"localhost:{cache.port}", trusted) as channel:
        answers = calls.ExecutionStub(channel).Execute(
            request,
            metadata=[("authorization", f"Bearer {token}")],
            timeout=ANSWER_SECONDS_MAX,
        )
        try:
            next(answers)
        except grpc.RpcError as exc:
            return str(exc.code().name)
    return "OK"
