"""A token is shown to the server before anything else is started that would be refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # Any: gRPC publishes no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid._protos.google.longrunning.operations_pb2 import Operation

from nexus.remotecache import client
from nexus.remotecache.client import Client, EndedError, show_token
from nexus.remotecache.connection import Remote
from nexus.remotecache.processes import ServerError, SettingError


class Blobs(calls.ContentAddressableStorageServicer):  # type: ignore[misc]  # has no types
    """A store that knows one token, or that ends each call in a way of its own."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    def FindMissingBlobs(self, request: object, context: grpc.ServicerContext) -> object:
        if ("authorization", "Bearer known") not in context.invocation_metadata():
            context.abort(self.code, "no")
        return messages.FindMissingBlobsResponse()


class Executions(calls.ExecutionServicer):  # type: ignore[misc]  # has no types
    """A scheduler that loses its clients a few times before it answers."""

    def __init__(self, losses: list[str]) -> None:
        self.losses = losses
        self.asked: list[str] = []

    def Execute(self, _request: object, context: grpc.ServicerContext) -> Iterator[Operation]:
        return self.answer("Execute", context)

    def WaitExecution(self, request: Any, context: grpc.ServicerContext) -> Iterator[Operation]:
        return self.answer(request.name, context)

    def answer(self, asked: str, context: grpc.ServicerContext) -> Iterator[Operation]:
        """Say that it runs, unless the next loss comes before; the losses over, that it is done."""
        self.asked.append(asked)
        loss = self.losses.pop(0) if self.losses else ""
        if loss != "at once":
            yield Operation(name="o", done=not loss)
        if loss:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"lost {loss}")


@contextmanager
def serving(
    code: grpc.StatusCode = grpc.StatusCode.UNAUTHENTICATED, executions: Executions | None = None
) -> Iterator[int]:
    """A server at a port that is free."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    calls.add_ContentAddressableStorageServicer_to_server(Blobs(code), server)
    calls.add_ExecutionServicer_to_server(executions or Executions([]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def show(port: int, folder: Path, token: bytes) -> None:
    path = folder / "token"
    path.write_bytes(token)
    show_token(Remote("127.0.0.1", port, None, path, insecure=True))


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"], ids=["nothing", "line", "crlf"])
def test_a_token_is_taken_whatever_ends_its_line(ending: bytes, tmp_path: Path) -> None:
    with serving() as port:
        show(port, tmp_path, b"known" + ending)


def test_a_token_of_another_server_is_named(tmp_path: Path) -> None:
    with serving() as port, pytest.raises(SettingError) as caught:
        show(port, tmp_path, b"unknown")
    assert str(caught.value) == (
        f"--token: {tmp_path}/token: 127.0.0.1:{port} does not take it (UNAUTHENTICATED: no); "
        "give one that --grants lists there, neither revoked nor expired"
    )


def test_a_server_that_fails_is_no_mistake_of_the_token(tmp_path: Path) -> None:
    with serving(grpc.StatusCode.INTERNAL) as port, pytest.raises(ServerError) as caught:
        show(port, tmp_path, b"unknown")
    assert str(caught.value) == f"127.0.0.1:{port}: INTERNAL: no"


def execute(executions: Executions, folder: Path, seconds: float) -> client.Done:
    """Let a client execute something there."""
    token = folder / "token"
    token.write_text("known")
    with (
        serving(executions=executions) as port,
        Client(Remote("127.0.0.1", port, None, token, insecure=True)) as asking,
    ):
        return asking.execute(messages.Digest(), seconds=seconds)


def test_a_client_that_is_lost_waits_longer_each_time_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(client, "sleep", waited.append)
    executions = Executions(["at once", "later", *["at once"] * 6])
    assert execute(executions, tmp_path, 60.0).status == "OK"
    assert executions.asked == ["Execute", "Execute", *["o"] * 7]
    assert waited == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_client_gives_up_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(client, "monotonic", lambda: now[0])
    monkeypatch.setattr(client, "sleep", lambda _pause: now.append(now.pop() + 30.0))
    with pytest.raises(EndedError, match="no end within 60 s; last lost: UNAVAILABLE: lost at"):
        execute(Executions(["at once"] * 3), tmp_path, 60.0)
