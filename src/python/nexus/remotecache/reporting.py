"""A worker's reports to its server: its health, and how the execution of each lease ended."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol  # Any: BuildGrid publishes no types.

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2
from buildgrid._protos.google.rpc import code_pb2

# A message of gRPC is 4 MiB at most.  A larger one would be refused however often it is sent, and
# the worker with it.  A result is larger where outputs are named one by one, and not by folders.
RESULT_BYTES_MAX: Final = 3 * 1024 * 1024
# The room of a lease besides its result: names, and a message of some hundred characters.
LEASE_BYTES: Final = 4096


class Health(Enum):
    """This worker's report to the server."""

    OK = bots_pb2.OK
    # The worker is of no use now; leases that run go on.
    UNHEALTHY = bots_pb2.UNHEALTHY
    # Ends when what runs has ended.
    ENDING = bots_pb2.BOT_TERMINATING


@dataclass(frozen=True)
class Outcome:
    """The end of a lease: a result, or the reason why it has none.

    Of codes the scheduler tries `UNAVAILABLE` elsewhere; others are the client's to read.
    """

    result: messages.ActionResult | None
    failure: str = ""
    code: int = code_pb2.UNAVAILABLE


class Execution(Protocol):
    """Runs one action; may be told to give up, from another thread."""

    def run(self, name: str, action: messages.Action) -> Outcome: ...

    def end(self, name: str) -> None: ...


def fill(lease: Any, future: Future[Outcome]) -> None:
    """Say how a lease ended."""
    lease.state = bots_pb2.COMPLETED
    if future.cancelled():
        outcome = Outcome(None, "told to end before it began")
    else:
        error = future.exception()
        outcome = Outcome(None, f"{type(error).__name__}") if error else future.result()
    if outcome.result is not None and outcome.result.ByteSize() > RESULT_BYTES_MAX - LEASE_BYTES:
        # Another worker would come to the same, so this is for the client to mend.
        lease.status.code = code_pb2.FAILED_PRECONDITION
        lease.status.message = (
            f"the result names outputs in {outcome.result.ByteSize()} bytes, and a call holds "
            f"{RESULT_BYTES_MAX - LEASE_BYTES}; name folders in place of their files"
        )
    elif outcome.result is None:
        lease.status.code = outcome.code
        lease.status.message = outcome.failure[:500]
    else:
        lease.result.Pack(outcome.result)
