"""Execution, forwarded to the store, with what Pants 2.17.1 asks in the form the runner knows.

Between the two stand some differences, and each makes processes fail or lose their outputs:

- Pants names outputs in `output_files` and `output_directories`; the runner heeds `output_paths`
  alone, and a process whose outputs it was not told succeeds without any.
- Pants leaves `{chroot}` in arguments and variables, which it replaces itself when it runs them
  locally.
- The runner makes the inputs the root of the file system, where some programs do not work: zig
  takes all that is below its folder for the sources of one module, its own library with them.  So
  the inputs go into a folder, and that is what `{chroot}` means.
- Pants asks once in a run for the variables of the machine (`env -0`), for those few processes that
  declare one.  The runner has none; that one command is told the PATH.

The result belongs to an action that Pants does not know, so that Pants writes it under its own.
This is an instance for BuildGrid's execution service, which has by then checked token and list.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any, Final, Self

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid._protos.google.longrunning.operations_pb2 import Operation
from buildgrid.server.exceptions import FailedPreconditionError

CHROOT: Final = "{chroot}"

# The folder of the inputs, in the root.
INPUTS: Final = "inputs"

# How Pants asks for the variables of a machine.
ASKING: Final = ("env", "-0")


class ForwardedExecution:
    """Takes the place of BuildGrid's own, which needs a database and workers that nobody ships."""

    def __init__(self, store: str, instance: str, search_path: str) -> None:
        self.store = store
        self.instance = instance
        self.search_path = search_path
        # One entry for each call between its two halves, hence no more than threads serve calls.
        # A stream of grpc has no type of its own.
        self.pending: dict[str, tuple[Operation, Any]] = {}
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        """Begin to serve; BuildGrid calls this."""
        self.channel = grpc.insecure_channel(self.store)
        self.blobs = calls.ContentAddressableStorageStub(self.channel)
        self.executions = calls.ExecutionStub(self.channel)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.channel.close()

    def execute(
        self, *, action_digest: messages.Digest, skip_cache_lookup: bool, **_unused: object
    ) -> str:
        """Begin to execute: the name by which the client follows it."""
        action = messages.Action.FromString(self.read(action_digest))
        command = messages.Command.FromString(self.read(action.command_digest))
        mended = rewritten_command(command, self.search_path)
        rewritten = mended.SerializeToString(deterministic=True)
        root = root_around(action.input_root_digest).SerializeToString(deterministic=True)
        action.command_digest.CopyFrom(digest_of(rewritten))
        action.input_root_digest.CopyFrom(digest_of(root))
        executed = action.SerializeToString(deterministic=True)
        self.write(rewritten, root, executed)
        stream = self.executions.Execute(
            messages.ExecuteRequest(
                instance_name=self.instance,
                action_digest=digest_of(executed),
                skip_cache_lookup=skip_cache_lookup,
            )
        )
        first = next(stream)
        name = str(first.name).rsplit("/", 1)[-1]
        with self.lock:
            self.pending[name] = (first, stream)
        return name

    # The name is BuildGrid's.
    def stream_operation_updates(self, operation_name: str, context: Any) -> Iterator[Operation]:
        """Say how it goes until it has ended or the client has gone."""
        with self.lock:
            first, stream = self.pending.pop(operation_name, (None, None))
        if stream is None:
            # A client that lost its connection asks again.
            yield from self.executions.WaitExecution(
                messages.WaitExecutionRequest(name=f"{self.instance}/{operation_name}")
            )
            return
        context.on_cancel(stream.cancel)
        yield first
        yield from stream

    def read(self, digest: messages.Digest) -> bytes:
        """A blob of the store."""
        wanted = messages.BatchReadBlobsRequest(instance_name=self.instance, digests=[digest])
        found = self.blobs.BatchReadBlobs(wanted).responses[0]
        if found.status.code:
            raise FailedPreconditionError(f"not in the store: {digest.hash}/{digest.size_bytes}")
        return bytes(found.data)

    def write(self, *blobs: bytes) -> None:
        """Put blobs into the store."""
        requests = [
            messages.BatchUpdateBlobsRequest.Request(digest=digest_of(blob), data=blob)
            for blob in blobs
        ]
        written = self.blobs.BatchUpdateBlobs(
            messages.BatchUpdateBlobsRequest(instance_name=self.instance, requests=requests)
        )
        for answer in written.responses:
            if answer.status.code:
                raise FailedPreconditionError(f"not stored: {answer.status.message}")


def root_around(inputs: messages.Digest) -> messages.Directory:
    """A root that holds the inputs in their folder."""
    return messages.Directory(directories=[messages.DirectoryNode(name=INPUTS, digest=inputs)])


def rewritten_command(command: messages.Command, search_path: str) -> messages.Command:
    """The same command in the runner's form.  Outputs are relative to the working directory."""
    result = messages.Command()
    result.CopyFrom(command)
    result.arguments[:] = [expand(argument) for argument in command.arguments]
    for variable in result.environment_variables:
        variable.value = expand(variable.value)
    if tuple(command.arguments) == ASKING:
        result.environment_variables.add(name="PATH", value=search_path)
    result.working_directory = f"{INPUTS}/{command.working_directory}".rstrip("/")
    if not command.output_paths:
        result.output_paths[:] = sorted({*command.output_files, *command.output_directories})
        result.ClearField("output_files")
        result.ClearField("output_directories")
    return result


def expand(text: str) -> str:
    """Say where the inputs are."""
    return text.replace(CHROOT, f"/{INPUTS}")


def digest_of(blob: bytes) -> messages.Digest:
    """How the store names a blob."""
    return messages.Digest(hash=hashlib.sha256(blob).hexdigest(), size_bytes=len(blob))
