"""Actions of Pants 2.17.1 in the form that workers know; in front of BuildGrid's scheduler.

Between the two stand some differences, and each makes processes fail or lose their outputs:

- Pants names outputs in `output_files` and `output_directories`; the runner heeds `output_paths`
  alone, and a process whose outputs are not named there succeeds without any.
- Pants leaves `{chroot}` in arguments and variables, which it replaces itself when it runs them
  locally.
- The runner makes the inputs the root of the file system, where some programs do not work: zig
  takes all that is below its folder for the sources of one module, its own library with them.  So
  the inputs go into a folder, and that is what `{chroot}` means.
- Pants asks once in a run for the variables of the machine (`env -0`), for those few processes that
  declare one.  The runner has none; that one command is given the PATH, and how the server reaches
  the network, since what a lock names is installed over there.

The result belongs to an action that the client does not know, so Pants writes it under its own.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.longrunning.operations_pb2 import Operation
from buildgrid.server.bots.service import BaseBotsService
from buildgrid.server.context import instance_context
from buildgrid.server.exceptions import FailedPreconditionError, InvalidArgumentError, NotFoundError
from buildgrid.server.execution.instance import ExecutionInstance

from nexus.remotecache.digest import digest_of
from nexus.remotecache.joining import misfit
from nexus.remotecache.settings import (
    ABANDONED_SECONDS_MAX,
    EXECUTION_PROPERTIES,
    INSTANCE,
    RUNNER_PROPERTIES,
)

CHROOT: Final = "{chroot}"

# The folder of the inputs, in the root.
INPUTS: Final = "inputs"

# How Pants asks for the variables of a machine.
ASKING: Final = ("env", "-0")

queue_execution = ExecutionInstance.execute
stream_updates = ExecutionInstance.stream_operation_updates
create_session = BaseBotsService._create_bot_session


def install(variables: Mapping[str, str]) -> None:
    """Let BuildGrid rewrite actions, drop those that no client waits for, and look at workers."""
    watch = Watch()

    def execute(instance: ExecutionInstance, *, action_digest: Any, **rest: Any) -> str:
        mended = rewritten_action(instance.scheduler.storage, action_digest, variables)
        return str(queue_execution(instance, action_digest=mended, **rest))

    def stream(instance: ExecutionInstance, name: str, context: Any) -> Iterator[Operation]:
        yield from watch.follow(instance, name, context)

    ExecutionInstance.execute = execute
    ExecutionInstance.stream_operation_updates = stream
    BaseBotsService._create_bot_session = _create_session


def _create_session(service: Any, scheduler: Any, request: Any, context: Any) -> Any:
    """Refuse a worker that would execute otherwise than the others, and say why."""
    devices = request.bot_session.worker.devices
    properties = [(p.key, p.value) for p in devices[0].properties] if devices else []
    if reason := misfit(properties):
        raise FailedPreconditionError(reason)
    return create_session(service, scheduler, request, context)


class Watch:
    """Ends executions for which no client has waited for a while.

    A client that went away cannot use a result; one that lost its connection comes back soon.
    There is one entry for each operation that a client follows or has left a moment ago.
    """

    def __init__(self, seconds: float = ABANDONED_SECONDS_MAX) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.followers: dict[str, int] = {}

    def follow(self, instance: Any, name: str, context: Any) -> Generator[Operation]:
        """Say how it goes until it has ended or the client has gone."""
        with self.lock:
            self.followers[name] = self.followers.get(name, 0) + 1
        done = False
        try:
            for operation in stream_updates(instance, name, context):
                done = operation.done
                yield operation
        finally:
            with self.lock:
                self.followers[name] -= 1
                left = not self.followers[name]
                if left and done:
                    del self.followers[name]
            if left and not done:
                timer = threading.Timer(self.seconds, self.drop, (instance.scheduler, name))
                timer.daemon = True
                timer.start()

    def drop(self, scheduler: Any, name: str) -> None:
        """Cancel an operation unless a client follows it by now."""
        with self.lock:
            if self.followers.get(name) != 0:
                return
            del self.followers[name]
        try:
            # The scheduler looks for the instance in the context of a call; a timer has none.
            with instance_context(INSTANCE):
                scheduler.cancel_operation(name)
        except NotFoundError:
            return


def rewritten_action(
    storage: Any, digest: messages.Digest, variables: Mapping[str, str]
) -> messages.Digest:
    """Write the action that stands for a client's, and name it.

    Raises:
        FailedPreconditionError: the client's is not in the store.
        InvalidArgumentError: a path in it leads out of its inputs.
    """
    action = read(storage, digest, messages.Action)
    command = read(storage, action.command_digest, messages.Command)
    hold_paths(command)
    mended = rewritten_command(command, variables).SerializeToString(deterministic=True)
    root = root_around(action.input_root_digest).SerializeToString(deterministic=True)
    action.command_digest.CopyFrom(digest_of(mended))
    action.input_root_digest.CopyFrom(digest_of(root))
    # The scheduler matches by the action's properties; the runner gets those of the command.
    if not action.HasField("platform"):
        action.platform.CopyFrom(command.platform)
    executed = action.SerializeToString(deterministic=True)
    blobs = [(digest_of(blob), blob) for blob in (mended, root, executed)]
    for status in storage.bulk_update_blobs(blobs):
        if status.code:
            raise FailedPreconditionError(f"not stored: {status.message}")
    return digest_of(executed)


def read(storage: Any, digest: messages.Digest, kind: Any) -> Any:
    """Read a message from the store.

    Raises:
        FailedPreconditionError: it is not there.
    """
    found = storage.get_message(digest, kind)
    if found is None:
        raise FailedPreconditionError(f"not in the store: {digest.hash}")
    return found


def hold_paths(command: messages.Command) -> None:
    """Hold paths to what the interface allows: relative ones that stay below the inputs.

    Raises:
        InvalidArgumentError: one does not.
    """
    for field in ("working_directory", "output_paths", "output_files", "output_directories"):
        value = getattr(command, field)
        for path in [value] if isinstance(value, str) else value:
            if path.startswith("/") or ".." in path.split("/"):
                raise InvalidArgumentError(
                    f"{field}: {path[:256]!r} leads out of the inputs; expected a relative path"
                )


def root_around(inputs: messages.Digest) -> messages.Directory:
    """A root that holds the inputs in their folder."""
    return messages.Directory(directories=[messages.DirectoryNode(name=INPUTS, digest=inputs)])


def rewritten_command(command: messages.Command, variables: Mapping[str, str]) -> messages.Command:
    """The same command in the runner's form.  Outputs are relative to the working directory."""
    result = messages.Command()
    result.CopyFrom(command)
    result.arguments[:] = [expand(argument) for argument in command.arguments]
    for variable in result.environment_variables:
        variable.value = expand(variable.value)
    if tuple(command.arguments) == ASKING:
        for name, value in sorted(variables.items()):
            result.environment_variables.add(name=name, value=value)
    result.working_directory = f"{INPUTS}/{command.working_directory}".rstrip("/")
    result.platform.CopyFrom(shaping(command.platform))
    if not command.output_paths:
        result.output_paths[:] = sorted({*command.output_files, *command.output_directories})
        result.ClearField("output_files")
        result.ClearField("output_directories")
    return result


def shaping(platform: messages.Platform) -> messages.Platform:
    """Return the properties that the runner knows; it refuses the names that choose workers.

    No process is root in a sandbox unless a client says so.
    """
    known = {p.name: p.value for p in platform.properties if p.name in RUNNER_PROPERTIES}
    defaults = {name: value for name, value in EXECUTION_PROPERTIES if name.startswith("unix")}
    properties = sorted({**defaults, **known}.items())
    return messages.Platform(
        properties=[messages.Platform.Property(name=n, value=v) for n, v in properties]
    )


def expand(text: str) -> str:
    """Say where the inputs are."""
    return text.replace(CHROOT, f"/{INPUTS}")
