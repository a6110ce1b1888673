"""A worker's session with a server: leases come in, results go out.  Nothing is scheduled here.

The server waits with its answer until there is something to do, or for some seconds.  When a
process ends meanwhile, that call is given up and made again with the result in it; a lease that was
on its way then is in the next answer.  A call that has a result in it is not given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2, bots_pb2_grpc

from nexus.remotecache.connection import Remote, describe
from nexus.remotecache.leases import State, Told, plan
from nexus.remotecache.reporting import RESULT_BYTES_MAX, Execution, Health, Outcome, fill
from nexus.remotecache.settings import INSTANCE

# How long the server may keep a call; it hears of us at least this often.
CALL_SECONDS_MAX: Final = 15.0
CREATE_SECONDS_MAX: Final = 5.0

# For the last reports of one that was told to end at once, also where the server is away.
HURRY_SECONDS_MAX: Final = 10.0

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
# Two workers of one name take the session from each other for ever, and end what the other runs.
# One whose sessions end this soon, so often in a row, is the second of two.
SHORT_SECONDS: Final = 60.0
SHORT_SESSIONS_MAX: Final = 3
# The server's words for a session that another has replaced.  One that is gone because the
# server or this worker was away is another matter.
TAKEN: Final = "Mismatch between"

# Nothing that waiting would mend, and what would.
GIVE_TOKEN: Final = (
    "the token must be valid and have the scope work; on the server: --grant NAME --scopes work"
)
FINAL: Final = {
    grpc.StatusCode.UNAUTHENTICATED: GIVE_TOKEN,
    grpc.StatusCode.PERMISSION_DENIED: GIVE_TOKEN,
    grpc.StatusCode.FAILED_PRECONDITION: "",
    grpc.StatusCode.UNIMPLEMENTED: "it takes no processes; start it with --schedule",
}


class RejectedError(Exception):
    """The server does not take this worker; the text says why."""


@dataclass
class Held:
    """A lease of ours."""

    future: Future[Outcome]
    # Its own name of the execution: the same lease may come again while the first still ends.
    run: str
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
        self.runs = 0
        self.joined = 0.0
        self.short_sessions = 0
        self.deadline: float | None = None

    def wake(self) -> None:
        """Something has changed here: say it to the server soon."""
        self.woken.set()

    def hurry(self) -> None:
        """End what runs, and do not wait for a server that is away; from any thread."""
        self.deadline = time.monotonic() + HURRY_SECONDS_MAX
        for held in list(self.held.values()):
            self.stop(held)
        self.wake()

    def patience(self) -> float:
        """The seconds that a call may take now."""
        if self.deadline is None:
            return CALL_SECONDS_MAX
        return min(CALL_SECONDS_MAX, max(0.1, self.deadline - time.monotonic()))

    def is_late(self) -> bool:
        """Whether nothing is waited for any more."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def run(self, ended: Callable[[], bool]) -> None:
        """Work until told to end and nothing runs any more, or until the end of a hurry.

        Raises:
            RejectedError: the server does not take us.
        """
        with self.remote.channel() as channel:
            stub = bots_pb2_grpc.BotsStub(channel)
            while not (ended() and not self.held) and not self.is_late():
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
            self.joined = time.monotonic()
            self.say(f"joined as {self.name}, {self.jobs} processes at once")
        else:
            self.session = self.call(stub, self.report(self.session))
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
            request, metadata=self.remote.metadata(), timeout=self.patience()
        )
        answer.add_done_callback(lambda _answer: self.woken.set())
        while not answer.done() and not self.news(session) and not self.is_late():
            self.woken.wait(self.patience())
            self.woken.clear()
        if not answer.done():
            answer.cancel()
            return session
        return answer.result()

    def news(self, told: bots_pb2.BotSession) -> bool:
        """Whether the last report to the server is out of date, and its call is to be given up."""
        if any(lease.state == bots_pb2.COMPLETED for lease in told.leases):
            return False  # It is answered at once.  Given up, its results might be lost.
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
        room = RESULT_BYTES_MAX
        for name, held in self.held.items():
            lease = bots_pb2.Lease(id=name, state=bots_pb2.ACTIVE)
            if held.future.done():
                fill(lease, held.future)
                if lease.ByteSize() > room:
                    # The next call has it: the server answers at once what came before it.
                    lease = bots_pb2.Lease(id=name, state=bots_pb2.ACTIVE)
                else:
                    room -= lease.ByteSize()
                    held.state = State.ENDED
            session.leases.append(lease)
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
            self.stop(self.held.pop(name))
        for name in asked.forget:
            self.held.pop(name)
        for lease in asked.begin:
            action = messages.Action.FromString(lease.payload)
            self.runs += 1
            run = f"{lease.name}#{self.runs}"
            future = self.pool.submit(self.execution.run, run, action)
            future.add_done_callback(lambda _future: self.woken.set())
            held = self.held[lease.name] = Held(future, run)
            if self.deadline is not None:
                # It was on its way when we were told to end at once; the report gives it back.
                self.stop(held)

    def stop(self, held: Held) -> None:
        """End the execution of a lease, unless it has ended; its thread ends by itself."""
        if not held.future.cancel() and not held.future.done():
            self.execution.end(held.run)

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
            hint = FINAL[code]
            raise RejectedError(f"{describe(error)}; {hint}" if hint else describe(error))
        text = describe(error)[:200]
        if code in LOST:
            # The text of the server's library names neither reason.
            text = (
                f"the server has no session of {self.name} any more: it was silent for too long, "
                f"or another worker joined as {self.name}; give each its own --id ({text})"
            )
        if text != self.trouble:
            # Once: a server that is away for a night would fill a disk.
            self.say(text)
        self.trouble = text
        if code in LOST:
            self.count_session(is_taken=TAKEN in text or code is grpc.StatusCode.DATA_LOSS)
            self.lose()
        time.sleep(RETRY_SECONDS)

    def count_session(self, *, is_taken: bool) -> None:
        """Give up where another worker takes sessions as soon as they begin, or before.

        Raises:
            RejectedError: that is so.
        """
        is_long = self.session is not None and time.monotonic() - self.joined >= SHORT_SECONDS
        self.short_sessions = self.short_sessions + 1 if is_taken and not is_long else 0
        if self.short_sessions >= SHORT_SESSIONS_MAX:
            self.lose()
            raise RejectedError(
                f"{self.short_sessions} sessions in a row were taken away within "
                f"{SHORT_SECONDS:.0f} s: another worker joins as {self.name}; "
                "give each its own --id"
            )

    def lose(self) -> None:
        """End what runs: the server has given it to others, or will."""
        self.session = None
        for held in self.held.values():
            self.stop(held)
        self.held.clear()
