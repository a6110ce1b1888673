"""Processes executed by the servers and not where Pants runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache import database, server, settings
from nexus.remotecache.digest import digest_of
from nexus.remotecache.execution import ASKING
from nexus.remotecache.processes import child, python_argv
from nexus.remotecache.proof_project import NAMES, PROCESSES, STARTED, VARIABLE
from nexus.remotecache.proof_stage import NotTriedError, Stage, expect, expect_all_found
from nexus.remotecache.sandbox import refusal

# It refuses at once; this is for a machine with other work.
ANSWER_SECONDS_MAX: Final = 60

# The command by which a process seals itself.
SEALING: Final = ("/usr/bin/unshare", "--user", "--map-root-user", "--net", "--mount", "/bin/true")

# A writer is told that there is no such action; a reader is told nothing.
CODES: Final = {settings.WRITER: "FAILED_PRECONDITION", settings.READER: "UNAUTHENTICATED"}


def executes_remotely(stage: Stage) -> None:
    """Every process runs in a worker's sandbox, and another machine finds the results.

    Everything is held, and the holds lie where the sandbox does not see them: a process that ran
    where Pants runs would wait.
    """
    if (reason := refusal()) is not None:
        raise NotTriedError(reason)
    tools = ("/usr/bin", "/bin")
    folder = stage.cache_folder
    folder.mkdir(mode=0o700)
    url = f"{database.SQLITE}{folder / 'jobs.sqlite'}"
    database.prepare(url)
    with (
        stage.cache(database=url, search_path=os.pathsep.join(tools)) as cache,
        child(folder, "worker", worker_argv(cache, "one", jobs=2)),
    ):
        environment = stage.environment(cache)
        environment |= settings.execution_environment(
            port=cache.port, caches=settings.SANDBOX_CACHES, interpreters=(), tools=tools
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
        starts_here(stage, environment)
        for subject, code in CODES.items():
            with connection(cache, subject) as (channel, how):
                expect(f"answer to a {subject}", code_of_execution(channel, how), code)
        with connection(cache, settings.WRITER) as (channel, how):
            sealed, _ = execute(channel, how, SEALING)
            expect("exit code of a process that seals itself", sealed, 0)
            asked, variables = execute(channel, how, ASKING)
            expect("exit code of a process that asks for variables", asked, 0)
            expect("PATH is given", b"PATH=/usr/bin:/bin" in variables.split(b"\0"), True)


def starts_here(stage: Stage, environment: Mapping[str, str]) -> None:
    """A program that a person starts runs where Pants runs, with the variables of that machine."""
    run = stage.run({**environment, VARIABLE: stage.salt}, goals=("run", "//:start"))
    expect("local executions", run.stats.counters.get("local_execution_requests", 0), 0)
    if f"{STARTED} {stage.salt}\n" not in run.log:
        raise AssertionError(f"the program did not say its variable: {run.log[-1000:]}")


def worker_argv(cache: server.CacheServer, name: str, *, jobs: int) -> list[str]:
    """A worker beside a server."""
    made = cache.credentials
    return python_argv(
        "from nexus.remotecache.worker import program; program()",
        f"--server=localhost:{cache.port}",
        f"--authority={made.ca}",
        f"--token={made.token(settings.WORKER)}",
        f"--folder={cache.folder / name}",
        f"--id={name}",
        f"--jobs={jobs}",
        # The machine of a proof may have little.
        "--free=0",
    )


@contextmanager
def connection(
    cache: server.CacheServer, subject: str
) -> Iterator[tuple[grpc.Channel, dict[str, Any]]]:
    """To the front, and how each call is made."""
    made = cache.credentials
    trusted = grpc.ssl_channel_credentials(made.ca.read_bytes())
    token = made.token(subject).read_text(encoding="ascii")
    how = {"metadata": [("authorization", f"Bearer {token}")], "timeout": ANSWER_SECONDS_MAX}
    with grpc.secure_channel(f"localhost:{cache.port}", trusted) as channel:
        yield channel, how


def code_of_execution(channel: grpc.Channel, how: dict[str, Any]) -> str:
    """The answer to a request to execute an action that is not there."""
    request = messages.ExecuteRequest(
        instance_name=settings.INSTANCE, action_digest=digest_of(b"whatever")
    )
    try:
        next(calls.ExecutionStub(channel).Execute(request, **how))
    except grpc.RpcError as exc:
        return str(exc.code().name)
    return "OK"


def execute(
    channel: grpc.Channel, how: dict[str, Any], arguments: Sequence[str]
) -> tuple[int, bytes]:
    """The exit code and the output of a command, with the properties from the settings of Pants."""
    properties = [
        messages.Platform.Property(name=name, value=value)
        for name, value in settings.EXECUTION_PROPERTIES
    ]
    command = messages.Command(
        arguments=arguments, platform=messages.Platform(properties=properties)
    ).SerializeToString()
    root = messages.Directory().SerializeToString()
    action = messages.Action(
        command_digest=digest_of(command), input_root_digest=digest_of(root), do_not_cache=True
    ).SerializeToString()
    blobs = [
        messages.BatchUpdateBlobsRequest.Request(digest=digest_of(blob), data=blob)
        for blob in (command, root, action)
    ]
    store = calls.ContentAddressableStorageStub(channel)
    store.BatchUpdateBlobs(
        messages.BatchUpdateBlobsRequest(instance_name=settings.INSTANCE, requests=blobs), **how
    )
    request = messages.ExecuteRequest(
        instance_name=settings.INSTANCE, action_digest=digest_of(action)
    )
    *_, last = calls.ExecutionStub(channel).Execute(request, **how)
    done = messages.ExecuteResponse()
    last.response.Unpack(done)
    result = done.result
    wanted = messages.BatchReadBlobsRequest(
        instance_name=settings.INSTANCE, digests=[result.stdout_digest]
    )
    output = store.BatchReadBlobs(wanted, **how).responses[0].data
    return int(result.exit_code), bytes(output)
