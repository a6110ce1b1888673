"""A token is shown to the server before anything else is started that would be refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache.client import show_token
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


@contextmanager
def serving(code: grpc.StatusCode = grpc.StatusCode.UNAUTHENTICATED) -> Iterator[int]:
    """A server at a port that is free."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    calls.add_ContentAddressableStorageServicer_to_server(Blobs(code), server)
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
