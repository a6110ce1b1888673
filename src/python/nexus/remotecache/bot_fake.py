"""Stand-ins for a worker's server and its execution."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2

from nexus.remotecache.bot import Bot
from nexus.remotecache.connection import Remote
from nexus.remotecache.reporting import Health, Outcome

PATIENCE_SECONDS = 60.0


class Failure(grpc.RpcError):  # type: ignore[misc]  # grpc has no types.
    """A call that failed."""

    def __init__(self, code: grpc.StatusCode, details: str = "") -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


class Answer:
    """A call that is under way."""

    def __init__(self, session: bots_pb2.BotSession | Exception | None) -> None:
        self.session = session
        self.cancelled = False

    def cancel(self) -> None:
        """The server may not have read what was asked."""
        self.cancelled = True

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self.done():
            callback(self)

    def done(self) -> bool:
        return self.session is not None

    def result(self) -> bots_pb2.BotSession:
        if isinstance(self.session, Exception):
            raise self.session
        assert self.session is not None, "a call without an answer has no result"
        return self.session


class Server:
    """Answers each call with the next thing, and keeps what came; None stands for silence."""

    def __init__(self, *answers: bots_pb2.BotSession | Exception | None) -> None:
        self.answers = list(answers)
        self.told: list[bots_pb2.BotSession] = []
        self.UpdateBotSession = self

    def CreateBotSession(self, request: Any, **_how: Any) -> bots_pb2.BotSession:
        self.told.append(request.bot_session)
        return Answer(self.answers.pop(0)).result()

    def future(self, request: Any, **_how: Any) -> Answer:
        self.told.append(request.bot_session)
        return Answer(self.answers.pop(0))


class Execution:
    """Runs when it is let go, or is told to end."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.go = threading.Event()
        self.began: list[str] = []
        self.ended: list[str] = []

    def run(self, name: str, _action: messages.Action) -> Outcome:
        self.began.append(name)
        assert self.go.wait(PATIENCE_SECONDS)
        return self.outcome

    def end(self, name: str) -> None:
        self.ended.append(name)
        self.go.set()


def session(**leases: int) -> bots_pb2.BotSession:
    made = bots_pb2.BotSession(name="main/1", version="1")
    for name, state in leases.items():
        made.leases.add(id=name, state=state)
    return made


class Place:
    """A bot with a server of answers."""

    def __init__(self, folder: Path, outcome: Outcome) -> None:
        token = folder / "token"
        token.write_text("token")
        self.execution = Execution(outcome)
        self.state = Health.OK
        self.said: list[str] = []
        self.bot = Bot(
            Remote("localhost", 1, None, token),
            "me",
            [("ISA", "x86-64")],
            2,
            self.execution,
            lambda: self.state,
            self.said.append,
        )
