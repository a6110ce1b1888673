"""A case begins anew only where Pants itself broke down, and says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any  # Any: gRPC and BuildGrid publish no types.
from xml.etree import ElementTree

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache import asking, client, proof
from nexus.remotecache.proof_project import Run
from nexus.remotecache.proof_stage import Stage, Verdict

BROKEN = f"Error: {proof.BREAKDOWN}. Final error was: Invalid argument"


def play(
    logs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Verdict, list[str]]:
    """Play a case whose runs leave these logs, one a try, and fail except for the last."""
    salts: list[str] = []

    def case(stage: Stage) -> None:
        salts.append(stage.salt)
        stage.runs.append(Run(0, logs[len(salts) - 1], tmp_path / "log"))
        assert len(salts) == len(logs), "another try would do"

    monkeypatch.setattr(proof, "CASES", {"case": case})
    nothing: Any = None
    return proof.play(Stage(tmp_path, tmp_path, nothing, nothing, "case")), salts


def test_a_breakdown_of_pants_is_told_and_the_case_begins_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict, salts = play([BROKEN, "well"], monkeypatch, tmp_path)
    assert not verdict.complaint
    assert salts == ["case-0", "case-1"]
    assert capsys.readouterr().out.startswith("anew   case: Pants could not start a process")


def test_it_does_not_begin_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verdict, salts = play([BROKEN] * 5, monkeypatch, tmp_path)
    assert "another try would do" in verdict.complaint
    assert len(salts) == 1 + proof.NEW_BEGINNINGS_MAX


def test_any_other_failure_is_the_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verdict, salts = play(["no hit", "never reached"], monkeypatch, tmp_path)
    assert "another try would do" in verdict.complaint
    assert salts == ["case-0"]


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port where each connection is told the same, whatever it says, and is kept."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
                    kept[-1].sendall(answer)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


HTTP1 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", HTTP1])
def test_what_does_not_answer_is_not_asked_everything(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "FIRST_SECONDS", 1.0)
    with answering(answer) as port:
        assert proof.main(["--address", f"grpc://127.0.0.1:{port}"]) == 21
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "does not answer as a server of the Remote Execution API would" in printed.err


class Blobs(calls.ContentAddressableStorageServicer):  # type: ignore[misc]  # has no types
    """A store of blobs alone, whose answers hold nothing."""

    def FindMissingBlobs(self, *_: object) -> messages.FindMissingBlobsResponse:
        return messages.FindMissingBlobsResponse()

    def BatchReadBlobs(self, *_: object) -> messages.BatchReadBlobsResponse:
        return messages.BatchReadBlobsResponse()

    def BatchUpdateBlobs(self, *_: object) -> messages.BatchUpdateBlobsResponse:
        return messages.BatchUpdateBlobsResponse()


@contextmanager
def serving(*, is_closed: bool = False) -> Iterator[int]:
    """A server of blobs alone; a closed one lets no client in."""

    class Closed(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
        def intercept_service(self, proceed: Any, details: Any) -> Any:
            return closed if is_closed else proceed(details)

    closed = grpc.unary_unary_rpc_method_handler(
        lambda _request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is it?")
    )
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[Closed()])
    calls.add_ContentAddressableStorageServicer_to_server(Blobs(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_a_server_of_blobs_alone_gets_a_line_for_each_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_SECONDS_MAX", 5.0)
    with serving() as port:
        assert proof.main(["--address", f"grpc://127.0.0.1:{port}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("remote_cache_proof: ")
    assert "differs    UNIMPLEMENTED" in lines[0]


@pytest.mark.parametrize("error", [IndexError("list"), ValueError("x"), client.EndedError("y")])
def test_an_answer_that_cannot_be_is_a_line_and_no_end(error: Exception) -> None:
    def case(_asked: asking.Asked) -> None:
        raise error

    nothing: Any = None
    row = asking.play(case, nothing)
    assert (row.verdict, row.text.partition(": ")[0]) == ("differs", "an answer that cannot be")


def test_a_server_that_wants_a_token_is_told_apart_from_one_that_differs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("of.another.server")
    with serving(is_closed=True) as port:
        address = ["--address", f"grpc://127.0.0.1:{port}"]
        assert proof.main(address) == 20
        assert proof.main([*address, "--token", str(tmp_path / "token")]) == 20
    first, second = capsys.readouterr().err.splitlines()
    assert f"--token: is missing; 127.0.0.1:{port} wants one" in first
    assert f"token: 127.0.0.1:{port} does not take it" in second


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "--jobs: '0' is not a whole number in 1..64"),
        (["--jobs", "x"], "--jobs: 'x' is not a whole number in 1..64"),
        (["--address", "grpc://h:1", "refused"], "--address asks everything"),
        (["--address", "http://h:1"], "is not an address; expected grpcs://HOST:PORT"),
        (["--address", "grpc://h"], "is not an address; expected HOST:PORT"),
        (["--address", "grpc://h:0"], "is not an address; expected HOST:PORT"),
        (["--address", "grpc://h:1", "--token", "/nowhere"], "--token: /nowhere: No such file"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line_and_20(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proof.main(options) == 20
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert said in printed.err


def test_the_report_counts_its_verdicts(tmp_path: Path) -> None:
    verdicts = [Verdict("a"), Verdict("b", complaint="wrong\n"), Verdict("c", not_tried="no root")]
    proof.write_report(tmp_path / "junit.xml", verdicts)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [len(case) for case in suite] == [0, 1, 1]
