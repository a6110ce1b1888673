"""Where a debugger connects, and that nothing is left there."""

from __future__ import annotations

import gc
import socket
from contextlib import closing
from pathlib import Path

import pytest

from nexus.emulator.io.gdb_server import GdbServer, ListenError


def test_a_unix_socket_is_there_until_the_run_has_ended(tmp_path: Path) -> None:
    where = tmp_path / "gdb"
    server = GdbServer(str(where))
    assert server.address == str(where)
    assert where.is_socket()
    with socket.socket(socket.AF_UNIX) as debugger:
        debugger.connect(str(where))
        with server.accept() as connection:
            assert where.is_socket(), "for the one that comes next"
            debugger.sendall(b"+")
            assert connection.recv(1) == b"+"
    server.close()
    assert not where.exists()


def test_a_unix_socket_is_gone_if_no_debugger_ever_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = GdbServer("gdb")
    monkeypatch.chdir("/")
    server.close()
    server.close()
    assert not (tmp_path / "gdb").exists()


def test_the_socket_of_a_later_run_stays(tmp_path: Path) -> None:
    where = tmp_path / "gdb"
    first = GdbServer(str(where))
    with closing(GdbServer(str(where))):
        first.close()
        assert where.is_socket()
    assert not where.exists()


def test_a_port_is_for_one_debugger_after_the_other() -> None:
    server = GdbServer("0")
    host, port = server.address.split(":")
    for _ in range(2):
        with socket.create_connection((host, int(port))):
            server.accept().close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_place_that_cannot_be_had_is_named(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for where in ("70000", str(tmp_path / "no" / "gdb"), str(file), "x" * 200):
        with pytest.raises(ListenError, match=where[-5:]):
            GdbServer(where)
    assert file.read_text() == "mine"
    gc.collect()
    assert not recwarn.list, "no socket is left open"
