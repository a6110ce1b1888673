"""What the front changes of an action, and how it follows the store's execution of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.longrunning.operations_pb2 import Operation
from buildgrid.server.exceptions import FailedPreconditionError

from nexus.remotecache.execution import (
    ForwardedExecution,
    digest_of,
    expand,
    rewritten_command,
    root_around,
)

COMMAND = messages.Command(
    arguments=["/bin/tool", "{chroot}/in", "--root={chroot}"],
    environment_variables=[
        messages.Command.EnvironmentVariable(name="PATH", value="{chroot}/shims:/usr/bin")
    ],
    output_files=["b.txt", "a.txt"],
    output_directories=["tree"],
    working_directory="sub",
)
OPERATION = "instance/a-name"
SEARCH_PATH = "/usr/bin:/bin"


class Store:
    """The store's three services: blobs in a table, and two operations for each execution."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.executed: list[messages.ExecuteRequest] = []
        self.cancelled = False

    def BatchReadBlobs(
        self, request: messages.BatchReadBlobsRequest
    ) -> messages.BatchReadBlobsResponse:
        answer = messages.BatchReadBlobsResponse()
        for digest in request.digests:
            response = answer.responses.add(digest=digest)
            if digest.hash in self.blobs:
                response.data = self.blobs[digest.hash]
            else:
                response.status.code = 5
        return answer

    def BatchUpdateBlobs(
        self, request: messages.BatchUpdateBlobsRequest
    ) -> messages.BatchUpdateBlobsResponse:
        answer = messages.BatchUpdateBlobsResponse()
        for blob in request.requests:
            self.blobs[blob.digest.hash] = blob.data
            answer.responses.add(digest=blob.digest)
        return answer

    def Execute(self, request: messages.ExecuteRequest) -> Stream:
        self.executed.append(request)
        return Stream(self)

    def put(self, message: messages.Action | messages.Command) -> messages.Digest:
        blob = message.SerializeToString()
        self.blobs[digest_of(blob).hash] = blob
        return digest_of(blob)


class Stream:
    """What grpc returns for a stream."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.operations = iter([Operation(name=OPERATION), Operation(name=OPERATION, done=True)])

    def __iter__(self) -> Iterator[Operation]:
        return self.operations

    def __next__(self) -> Operation:
        return next(self.operations)

    def cancel(self) -> None:
        self.store.cancelled = True


class Client:
    """A client that goes away if it is told to."""

    def __init__(self, *, goes: bool) -> None:
        self.goes = goes

    def on_cancel(self, callback: Callable[[], None]) -> None:
        if self.goes:
            callback()


def forwarded(store: Store) -> ForwardedExecution:
    execution = ForwardedExecution("unix:/nowhere", "instance", SEARCH_PATH)
    execution.blobs = execution.executions = store
    return execution


def asked(store: Store) -> messages.Digest:
    inputs = messages.Digest(hash="1" * 64, size_bytes=1)
    action = messages.Action(
        command_digest=store.put(COMMAND), input_root_digest=inputs, do_not_cache=True
    )
    return store.put(action)


def test_every_mention_of_the_chroot_is_expanded() -> None:
    assert expand("{chroot}/a:{chroot}") == "/inputs/a:/inputs"


def test_a_command_is_rewritten_for_the_runner() -> None:
    rewritten = rewritten_command(COMMAND, SEARCH_PATH)

    assert list(rewritten.arguments) == ["/bin/tool", "/inputs/in", "--root=/inputs"]
    assert rewritten.environment_variables[0].value == "/inputs/shims:/usr/bin"
    assert list(rewritten.output_paths) == ["a.txt", "b.txt", "tree"]
    assert not rewritten.output_files
    assert not rewritten.output_directories
    assert rewritten.working_directory == "inputs/sub"


def test_a_command_without_a_working_directory_gets_the_folder_of_inputs() -> None:
    assert rewritten_command(messages.Command(), SEARCH_PATH).working_directory == "inputs"


def test_only_who_asks_for_the_variables_of_the_machine_is_told_its_path() -> None:
    asking = messages.Command(arguments=["env", "-0"])
    told = rewritten_command(asking, SEARCH_PATH).environment_variables

    assert [(variable.name, variable.value) for variable in told] == [("PATH", SEARCH_PATH)]
    other = messages.Command(arguments=["env"])
    assert not rewritten_command(other, SEARCH_PATH).environment_variables


def test_the_command_that_was_asked_for_is_left_alone() -> None:
    before = COMMAND.SerializeToString()

    rewritten_command(COMMAND, SEARCH_PATH)

    assert COMMAND.SerializeToString() == before


def test_what_is_executed_is_the_rewritten_action_with_its_inputs_in_a_folder() -> None:
    store = Store()

    forwarded(store).execute(action_digest=asked(store), skip_cache_lookup=True)

    [request] = store.executed
    action = messages.Action.FromString(store.blobs[request.action_digest.hash])
    root = messages.Directory.FromString(store.blobs[action.input_root_digest.hash])
    assert request.skip_cache_lookup
    assert action.do_not_cache
    assert root == root_around(messages.Digest(hash="1" * 64, size_bytes=1))
    command = store.blobs[action.command_digest.hash]
    assert messages.Command.FromString(command) == rewritten_command(COMMAND, SEARCH_PATH)


def test_a_client_follows_its_execution_to_the_end() -> None:
    store = Store()
    execution = forwarded(store)
    name = execution.execute(action_digest=asked(store), skip_cache_lookup=False)

    seen = list(execution.stream_operation_updates(name, Client(goes=False)))

    assert name == "a-name"
    assert [operation.done for operation in seen] == [False, True]
    assert not store.cancelled


def test_a_client_that_goes_takes_its_execution_with_it() -> None:
    store = Store()
    execution = forwarded(store)
    name = execution.execute(action_digest=asked(store), skip_cache_lookup=False)

    list(execution.stream_operation_updates(name, Client(goes=True)))

    assert store.cancelled


def test_an_action_that_is_not_in_the_store_is_refused() -> None:
    missing = messages.Digest(hash="2" * 64, size_bytes=2)

    with pytest.raises(FailedPreconditionError, match="not in the store: 2222"):
        forwarded(Store()).execute(action_digest=missing, skip_cache_lookup=False)
