"""A small client of the Remote Execution API, for proofs and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final, Self  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache.connection import Remote, describe
from nexus.remotecache.digest import digest_of
from nexus.remotecache.processes import ServerError, SettingError
from nexus.remotecache.settings import EXECUTION_PROPERTIES, INSTANCE

# For a call that is answered at once, on a machine with other work.
CALL_SECONDS_MAX: Final = 60.0

# For an execution, its queue and its second tries included.
EXECUTE_SECONDS_MAX: Final = 300.0

# Between two tries: from what a server needs to close a connection, to what it needs to start.
PAUSE_SECONDS_MIN: Final = 0.1
PAUSE_SECONDS_MAX: Final = 5.0


@dataclass(frozen=True)
class Done:
    """The end of an execution: a code of gRPC's names, and all that the process left."""

    status: str
    exit_code: int
    stdout: bytes
    worker: str
    outputs: dict[str, messages.Digest]
    cached: bool = False


class EndedError(Exception):
    """An execution was given up by the server or by the network."""


class Client:
    """A connection; each call proves who we are anew."""

    def __init__(self, remote: Remote, instance: str = INSTANCE) -> None:
        self.remote = remote
        self.instance = instance

    def __enter__(self) -> Self:
        self.channel = self.remote.channel()
        self.capabilities = calls.CapabilitiesStub(self.channel)
        self.blobs = calls.ContentAddressableStorageStub(self.channel)
        self.results = calls.ActionCacheStub(self.channel)
        self.executions = calls.ExecutionStub(self.channel)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.channel.close()

    def how(self, seconds: float = CALL_SECONDS_MAX) -> dict[str, Any]:
        """Return the arguments that each call has besides its request."""
        return {"metadata": self.remote.metadata(), "timeout": seconds}

    def describe(self, seconds: float = CALL_SECONDS_MAX) -> messages.ServerCapabilities:
        """Return the capabilities that the server claims."""
        request = messages.GetCapabilitiesRequest(instance_name=self.instance)
        return self.capabilities.GetCapabilities(request, **self.how(seconds))

    def put(self, *blobs: bytes) -> list[int]:
        """Write blobs: the code of each, 0 if it was taken."""
        requests = [
            messages.BatchUpdateBlobsRequest.Request(digest=digest_of(blob), data=blob)
            for blob in blobs
        ]
        request = messages.BatchUpdateBlobsRequest(instance_name=self.instance, requests=requests)
        answer = self.blobs.BatchUpdateBlobs(request, **self.how())
        return [response.status.code for response in answer.responses]

    def get(self, digest: messages.Digest) -> bytes | None:
        """Read a blob; nothing if it is not there."""
        request = messages.BatchReadBlobsRequest(instance_name=self.instance, digests=[digest])
        found = self.blobs.BatchReadBlobs(request, **self.how()).responses[0]
        return None if found.status.code else bytes(found.data)

    def missing(self, *digests: messages.Digest) -> list[str]:
        """List the hashes of those blobs that are not there."""
        request = messages.FindMissingBlobsRequest(
            instance_name=self.instance, blob_digests=digests
        )
        answer = self.blobs.FindMissingBlobs(request, **self.how())
        return [digest.hash for digest in answer.missing_blob_digests]

    def result(self, action: messages.Digest) -> messages.ActionResult | None:
        """Look a result up; nothing if there is none."""
        request = messages.GetActionResultRequest(instance_name=self.instance, action_digest=action)
        try:
            return self.results.GetActionResult(request, **self.how())
        except grpc.RpcError as exc:
            if exc.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def write_result(self, action: messages.Digest, result: messages.ActionResult) -> None:
        """Write a result."""
        request = messages.UpdateActionResultRequest(
            instance_name=self.instance, action_digest=action, action_result=result
        )
        self.results.UpdateActionResult(request, **self.how())

    def put_action(
        self,
        arguments: Sequence[str],
        outputs: Sequence[str] = (),
        properties: Sequence[tuple[str, str]] = EXECUTION_PROPERTIES,
        *,
        is_cached: bool = False,
        is_old_form: bool = True,
    ) -> messages.Digest:
        """Write an action without inputs, as Pants 2.17.1 names outputs or as newer clients do."""
        platform = messages.Platform(
            properties=[messages.Platform.Property(name=n, value=v) for n, v in properties]
        )
        field = {"output_files" if is_old_form else "output_paths": list(outputs)}
        command = messages.Command(
            arguments=arguments, platform=platform, **field
        ).SerializeToString(deterministic=True)
        root = messages.Directory().SerializeToString()
        action = messages.Action(
            command_digest=digest_of(command),
            input_root_digest=digest_of(root),
            do_not_cache=not is_cached,
        ).SerializeToString(deterministic=True)
        self.put(command, root, action)
        return digest_of(action)

    def execute(
        self, action: messages.Digest, *, skip_lookup: bool = True, seconds: float | None = None
    ) -> Done:
        """Execute an action and wait for its end.

        A connection that is lost meanwhile is taken up again, as Pants does, after a pause.

        Raises:
            EndedError: there was no end within the time.
        """
        patience = seconds or EXECUTE_SECONDS_MAX
        deadline = monotonic() + patience
        request = messages.ExecuteRequest(
            instance_name=self.instance, action_digest=action, skip_cache_lookup=skip_lookup
        )
        name = ""
        lost = ""
        for pause in pauses():
            left = deadline - monotonic()
            if left <= 0:
                break
            # A server that is started again is waited for, once there was one.
            how = {**self.how(left), "wait_for_ready": bool(lost)}
            stream = (
                self.executions.WaitExecution(messages.WaitExecutionRequest(name=name), **how)
                if name
                else self.executions.Execute(request, **how)
            )
            try:
                for operation in stream:
                    name = operation.name
                    if operation.done:
                        return self.done(operation)
                raise EndedError("the server ended its answer before the process")
            except grpc.RpcError as exc:
                if exc.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                lost = describe(exc)
            sleep(pause)
        raise EndedError(f"no end within {patience:.0f} s; last lost: {lost}")

    def done(self, operation: Any) -> Done:
        """Return the result of an operation that has ended."""
        answer = messages.ExecuteResponse()
        operation.response.Unpack(answer)
        result = answer.result
        stdout = bytes(result.stdout_raw)
        if result.stdout_digest.size_bytes:
            stdout = self.get(result.stdout_digest) or b""
        code = operation.error.code or answer.status.code
        return Done(
            status=CODES.get(code, str(code)),
            exit_code=result.exit_code,
            stdout=stdout,
            worker=result.execution_metadata.worker,
            outputs={file.path: file.digest for file in result.output_files},
            cached=answer.cached_result,
        )


def pauses() -> Iterator[float]:
    """Say how long to wait before each further try: the first loss may be a moment's."""
    pause = PAUSE_SECONDS_MIN
    while True:
        yield pause
        pause = min(2 * pause, PAUSE_SECONDS_MAX)


CODES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


def show_token(remote: Remote) -> None:
    """Ask the server something small, before other programs are refused in words of their own.

    Raises:
        SettingError: it does not know the token.
        ServerError: it did not answer.
    """
    try:
        with Client(remote) as client:
            client.missing()
    except grpc.RpcError as exc:
        if exc.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise SettingError(
                f"--token: {remote.token}: {remote.address} does not take it ({describe(exc)}); "
                "give one that --grants lists there, neither revoked nor expired"
            ) from exc
        raise ServerError(f"{remote.address}: {describe(exc)}") from exc
