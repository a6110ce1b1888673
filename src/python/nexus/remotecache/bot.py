"""A worker's session with a server: leases come in, results go out.  Nothing is scheduled here.

The server waits with its answer until there is something to do, or for some seconds.  When a
process ends meanwhile, that call is given up and made again with the result in it; a lease that was
on its way then is in the next answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2, bots_pb2_grpc
from buildgrid._protos.google.rpc import code_pb2

from nexus.remotecache.connection import Remote, describe
from nexus.remotecache.leases import State, Told, plan
from nexus.remotecache.settings import INSTANCE

# How long the server may keep a call; it hears of us at least this often.
CALL_SECONDS_MAX: Final = 15.0
CREATE_SECONDS_MAX: Final = 5.0

# Between two calls that are answered at once, and after one that failed.
PAUSE_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 1.0

# The server has forgotten the session: what ran in it runs elsewhere by now.
LOST: Final = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.NOT_FOUND,
)
# Nothing that waiting would mend.
FINAL: Final = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)


class Health(Enum):
    """What we report to the server about us."""

    OK = bots_pb2.OK
    # Of no use now; leases that run go on.
    UNHEALTHY = bots_pb2.UNHEALTHY
    # Ends when what runs has ended.
    ENDING = bots_pb2.BOT_TERMINATING


class RejectedError(Exception):
    """The server does not take this worker; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """How a lease ended: a result, or why there is none; the latter is tried elsewhere."""

    result: messages.ActionResult | None
    failure: str = ""


class Execution(Protocol):
    """Runs one action; may be told to give up, from another thread."""

    def run(self, name: str, action: messages.Action) -> Outcome: ...

    def end(self, name: str) -> None: ...


@dataclass
class Held:
    """A lease of ours."""

    future: Future[Outcome]
    state: State = State.RUNNING


class Bot:
    """One session after another, until told to end."""

    def __init__(
        self,
        remote: Remote,
        name: str,
        properties: list[tuple[str, str]],
        jobs: int,
        execution: Execution,
        health: Callable[[], Health],
        say: Callable[[str], None],
    ) -> None:
        self.remote = remote
        self.name = name
        self.properties = properties
        self.jobs = jobs
        self.execution = execution
        self.health = health
        self.say = say
        self.held: dict[str, Held] = {}
        self.woken = threading.Event()
        self.pool = ThreadPoolExecutor(jobs, "lease")
        self.session: bots_pb2.BotSession | None = None
        self.trouble = ""

    def wake(self) -> None:
        """Something has changed here: say it to the server soon."""
        self.woken.set()

    def run(self, ended: Callable[[], bool]) -> None:
        """Work until told to end and nothing runs any more.

        Raises:
            RejectedError: the server does not take us.
        """
        with self.remote.channel() as channel:
            stub = bots_pb2_grpc.BotsStub(channel)
            while not (ended() and not self.held):
                try:
                    self.talk(stub)
                    self.trouble = ""
                except grpc.RpcError as exc:
                    self.failed(exc)

    def talk(self, stub: Any) -> None:
        """One call and what comes of it."""
        if self.session is None:
            if self.health() is Health.ENDING:
                return
            request = bots_pb2.CreateBotSessionRequest(
                parent=INSTANCE, bot_session=self.introduction()
            )
            self.session = stub.CreateBotSession(
                request, metadata=self.remote.metadata(), timeout=CREATE_SECONDS_MAX
            )
            self.say(f"joined as {self.name}, {self.jobs} processes at once")
        else:
            told = self.report(self.session)
            self.session = self.call(stub, told)
        self.obey(self.session.leases)
        idle = len(self.held) < self.jobs and self.health() is Health.OK
        if not idle and not any(held.future.done() for held in self.held.values()):
            # The server answers at once when it has nothing to wait for.
            self.woken.wait(PAUSE_SECONDS)
            self.woken.clear()

    def call(self, stub: Any, session: bots_pb2.BotSession) -> bots_pb2.BotSession:
        """Update the session; give the call up when something ended here, and make it again."""
        request = bots_pb2.UpdateBotSessionRequest(name=session.name, bot_session=session)
        answer = stub.UpdateBotSession.future(
            request, metadata=self.remote.metadata(), timeout=CALL_SECONDS_MAX
        )
        answer.add_done_callback(lambda _answer: self.woken.set())
        while not answer.done() and not self.news(session):
            self.woken.wait(CALL_SECONDS_MAX)
            self.woken.clear()
        if not answer.done():
            answer.cancel()
            return session
        return answer.result()

    def news(self, told: bots_pb2.BotSession) -> bool:
        """Whether the last report to the server is out of date."""
        ended = any(
            held.future.done() and held.state is State.RUNNING for held in self.held.values()
        )
        return ended or told.status != self.health().value

    def introduction(self) -> bots_pb2.BotSession:
        """A session that has not begun."""
        session = bots_pb2.BotSession(bot_id=self.name, status=self.health().value)
        device = session.worker.devices.add(handle="machine")
        for key, value in self.properties:
            device.properties.add(key=key, value=value)
        session.worker.configs.add(key="capacity", value=str(self.jobs))
        return session

    def report(self, before: bots_pb2.BotSession) -> bots_pb2.BotSession:
        """The report to the server: our health, and each lease as it is."""
        session = self.introduction()
        session.name, session.version = before.name, before.version
        for name, held in self.held.items():
            lease = session.leases.add(id=name, state=bots_pb2.ACTIVE)
            if held.future.done():
                held.state = State.ENDED
                fill(lease, held.future)
        return session

    def obey(self, leases: Any) -> None:
        """Begin, end and forget leases as the answer says."""
        told = [
            Told(lease.id, lease.state == bots_pb2.CANCELLED, lease.payload.value)
            for lease in leases
            # One that ended is answered with what it was, or not at all.
            if lease.state != bots_pb2.COMPLETED
        ]
        asked = plan({name: held.state for name, held in self.held.items()}, told)
        for name in asked.end:
            self.execution.end(name)
            self.forget(name)
        for name in asked.forget:
            self.held.pop(name)
        for lease in asked.begin:
            action = messages.Action.FromString(lease.payload)
            future = self.pool.submit(self.execution.run, lease.name, action)
            future.add_done_callback(lambda _future: self.woken.set())
            self.held[lease.name] = Held(future)

    def forget(self, name: str) -> None:
        """Let a lease go whose process was told to end; its thread ends by itself."""
        self.held.pop(name, None)

    def failed(self, error: grpc.RpcError) -> None:
        """Wait, begin a new session, or give up.

        Raises:
            RejectedError: the server will not take us later either.
        """
        code = error.code()
        if code is grpc.StatusCode.CANCELLED:
            return
        if code in FINAL:
            self.lose()
            raise RejectedError(describe(error))
        text = describe(error)[:200]
        if code in LOST:
            # What the server's library says of it names neither reason.
            text = (
                f"the server has no session of {self.name} any more: it was silent for too long, "
                f"or another worker joined as {self.name}; give each its own --id ({text})"
            )
        if text != self.trouble:
            # Once: a server that is away for a night would fill a disk.
            self.say(text)
        self.trouble = text
        if code in LOST and self.session is not None:
            self.lose()
        time.sleep(RETRY_SECONDS)

    def lose(self) -> None:
        """End what runs: the server has given it to others, or will."""
        self.session = None
        for name in list(self.held):
            self.execution.end(name)
            self.forget(name)


def fill(lease: bots_pb2.Lease, future: Future[Outcome]) -> None:
    """Say how a lease ended."""
    lease.state = bots_pb2.COMPLETED
    error = future.exception()
    outcome = Outcome(None, f"{type(error).__name__}") if error else future.result()
    if outcome.result is None:
        lease.status.code = code_pb2.UNAVAILABLE
        lease.status.message = outcome.failure[:500]
    else:
        lease.result.Pack(outcome.result)
