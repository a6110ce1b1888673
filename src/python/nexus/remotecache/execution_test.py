"""The changes of an action before it is scheduled, and the fate of one left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any  # Any: gRPC and BuildGrid publish no types.

import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.longrunning.operations_pb2 import Operation
from buildgrid._protos.google.rpc.status_pb2 import Status
from buildgrid.server.context import current_instance
from buildgrid.server.exceptions import FailedPreconditionError, InvalidArgumentError

from nexus.remotecache import execution
from nexus.remotecache.digest import digest_of
from nexus.remotecache.execution import (
    Watch,
    expand,
    rewritten_action,
    rewritten_command,
    root_around,
)
from nexus.remotecache.settings import INSTANCE

COMMAND = messages.Command(
    arguments=["/bin/tool", "{chroot}/in", "--root={chroot}"],
    environment_variables=[
        messages.Command.EnvironmentVariable(name="PATH", value="{chroot}/shims:/usr/bin")
    ],
    output_files=["b.txt", "a.txt"],
    output_directories=["tree"],
    working_directory="sub",
    platform=messages.Platform(
        properties=[messages.Platform.Property(name="OSFamily", value="Linux")]
    ),
)
VARIABLES = {"https_proxy": "http://proxy:3128", "PATH": "/usr/bin:/bin"}

# Long enough for a busy machine; nothing waits for it when all is well.
PATIENCE_SECONDS = 60.0


class Store:
    """BuildGrid's storage: blobs in a table."""

    def __init__(self, *, full: bool = False) -> None:
        self.blobs: dict[str, bytes] = {}
        self.full = full

    def get_message(self, digest: messages.Digest, kind: Any) -> Any:
        blob = self.blobs.get(digest.hash)
        return None if blob is None else kind.FromString(blob)

    def bulk_update_blobs(self, blobs: list[tuple[messages.Digest, bytes]]) -> list[Status]:
        if not self.full:
            self.blobs |= {digest.hash: blob for digest, blob in blobs}
        return [Status(code=8 * self.full, message="no room") for _ in blobs]

    def put(self, message: messages.Action | messages.Command) -> messages.Digest:
        blob = message.SerializeToString()
        self.blobs[digest_of(blob).hash] = blob
        return digest_of(blob)


class Scheduler:
    """Remembers what it was told to cancel."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.told = threading.Event()

    def cancel_operation(self, name: str) -> None:
        # As BuildGrid's does, which raises where no instance is set.
        assert current_instance() == INSTANCE
        self.cancelled.append(name)
        self.told.set()


class Instance:
    """An execution whose client sees so many updates, the last of which may be the end."""

    def __init__(self, *done: bool) -> None:
        self.scheduler = Scheduler()
        self.done = done


def updates(instance: Instance, name: str, _context: object) -> Iterator[Operation]:
    for done in instance.done:
        yield Operation(name=name, done=done)


def asked(store: Store) -> messages.Digest:
    inputs = messages.Digest(hash="1" * 64, size_bytes=1)
    action = messages.Action(
        command_digest=store.put(COMMAND), input_root_digest=inputs, do_not_cache=True
    )
    return store.put(action)


def test_every_mention_of_the_chroot_is_expanded() -> None:
    assert expand("{chroot}/a:{chroot}") == "/inputs/a:/inputs"


def test_a_command_is_rewritten_for_the_runner() -> None:
    rewritten = rewritten_command(COMMAND, VARIABLES)

    assert list(rewritten.arguments) == ["/bin/tool", "/inputs/in", "--root=/inputs"]
    assert rewritten.environment_variables[0].value == "/inputs/shims:/usr/bin"
    assert list(rewritten.output_paths) == ["a.txt", "b.txt", "tree"]
    assert not rewritten.output_files
    assert not rewritten.output_directories
    assert rewritten.working_directory == "inputs/sub"


def test_the_runner_is_told_only_the_properties_that_it_knows() -> None:
    platform = messages.Platform()
    for name, value in (("OSFamily", "Linux"), ("pool", "big"), ("network", "on")):
        platform.properties.add(name=name, value=value)
    told = rewritten_command(messages.Command(platform=platform), VARIABLES).platform.properties

    assert [(one.name, one.value) for one in told] == [
        ("network", "on"),
        ("unixGID", "65534"),
        ("unixUID", "65534"),
    ]


def test_a_command_without_a_working_directory_gets_the_folder_of_inputs() -> None:
    assert rewritten_command(messages.Command(), VARIABLES).working_directory == "inputs"


def test_only_who_asks_for_the_variables_of_the_machine_is_told_its_path() -> None:
    asking = messages.Command(arguments=["env", "-0"])
    told = rewritten_command(asking, VARIABLES).environment_variables

    assert [(variable.name, variable.value) for variable in told] == [
        ("PATH", "/usr/bin:/bin"),
        ("https_proxy", "http://proxy:3128"),
    ]
    other = messages.Command(arguments=["env"])
    assert not rewritten_command(other, VARIABLES).environment_variables


def test_the_command_that_was_asked_for_is_left_alone() -> None:
    before = COMMAND.SerializeToString()

    rewritten_command(COMMAND, VARIABLES)

    assert COMMAND.SerializeToString() == before


def test_what_is_executed_is_the_rewritten_action_with_its_inputs_in_a_folder() -> None:
    store: Any = Store()

    executed = rewritten_action(store, asked(store), VARIABLES)

    action = messages.Action.FromString(store.blobs[executed.hash])
    root = messages.Directory.FromString(store.blobs[action.input_root_digest.hash])
    assert action.do_not_cache
    assert action.platform == COMMAND.platform
    assert root == root_around(messages.Digest(hash="1" * 64, size_bytes=1))
    command = store.blobs[action.command_digest.hash]
    assert messages.Command.FromString(command) == rewritten_command(COMMAND, VARIABLES)


def test_an_action_that_is_not_in_the_store_is_refused() -> None:
    missing = messages.Digest(hash="2" * 64, size_bytes=2)

    with pytest.raises(FailedPreconditionError, match="not in the store: 2222"):
        rewritten_action(Store(), missing, VARIABLES)


def test_an_action_that_the_store_has_no_room_for_is_refused() -> None:
    store = Store(full=True)

    with pytest.raises(FailedPreconditionError, match="not stored: no room"):
        rewritten_action(store, asked(store), VARIABLES)


def test_an_execution_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "stream_updates", updates)
    instance = Instance(False)

    list(Watch(seconds=0).follow(instance, "job", None))

    assert instance.scheduler.told.wait(PATIENCE_SECONDS)
    assert instance.scheduler.cancelled == ["job"]


def test_an_execution_that_somebody_comes_back_to_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "stream_updates", updates)
    watch = Watch(seconds=PATIENCE_SECONDS)
    instance = Instance(False, False)

    lost = watch.follow(instance, "job", None)
    next(lost)
    back = watch.follow(instance, "job", None)
    next(back)
    lost.close()
    watch.drop(instance.scheduler, "job")

    assert instance.scheduler.cancelled == []


def test_an_execution_that_has_ended_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "stream_updates", updates)
    watch = Watch(seconds=0)
    instance = Instance(False, True)

    assert [operation.done for operation in watch.follow(instance, "job", None)] == [False, True]
    assert watch.followers == {}
    assert instance.scheduler.cancelled == []


@pytest.mark.parametrize(
    "field", ["working_directory", "output_paths", "output_files", "output_directories"]
)
@pytest.mark.parametrize("path", ["/etc/shadow", "../a", "a/../../b", "a/.."])
def test_a_path_that_leads_out_of_the_inputs_is_refused(field: str, path: str) -> None:
    value = path if field == "working_directory" else [path]
    store = Store()
    command = store.put(messages.Command(**{field: value}))
    action = store.put(messages.Action(command_digest=command))
    with pytest.raises(InvalidArgumentError, match=f"{field}: '{path}' leads out of the inputs"):
        rewritten_action(store, action, {})


@pytest.mark.parametrize("path", ["", "a/b", "..a", "a..b/c"])
def test_a_path_below_the_inputs_is_taken(path: str) -> None:
    execution.hold_paths(messages.Command(working_directory=path, output_paths=[path]))
