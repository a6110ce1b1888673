"""The address where a debugger connects; nothing is left there."""

from __future__ import annotations

import errno
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
    where.unlink()  # By hand; a run would not.
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


def test_a_socket_that_a_run_has_is_not_taken_from_it(tmp_path: Path) -> None:
    where = tmp_path / "gdb"
    with closing(GdbServer(str(where))) as server:
        with pytest.raises(ListenError, match="another program listens there"):
            GdbServer(str(where))
        with socket.socket(socket.AF_UNIX) as debugger:
            debugger.settimeout(0)
            debugger.connect(str(where))
            with server.accept() as connection:
                connection.sendall(b"+")
                assert debugger.recv(1) == b"+", "the first to come is the debugger"


def test_a_socket_of_which_nothing_can_be_found_out_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(probe: socket.socket, where: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    where = tmp_path / "gdb"
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(str(where))
        another.listen()
        monkeypatch.setattr(socket.socket, "connect", denied)  # Root is denied nothing.
        with pytest.raises(ListenError, match="gdb: Permission denied"):
            GdbServer(str(where))
    assert where.is_socket()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_left_behind_is_replaced(tmp_path: Path, kind: socket.SocketKind) -> None:
    where = tmp_path / "gdb"
    with socket.socket(socket.AF_UNIX, kind) as killed:
        killed.bind(str(where))
    with closing(GdbServer(str(where))) as server:
        assert server.address == str(where)


@pytest.mark.parametrize("where", ["65536", "9" * 5000, "0" * 5000 + "65536", "-1", "+5", "\u0663"])
def test_a_number_is_a_port(where: str) -> None:
    with pytest.raises(ListenError, match=r"is not a port in 0\.\.65535"):
        GdbServer(where)


@pytest.mark.parametrize("where", ["", ":1234", "localhost:1234", "a\nb", "a\udcff", "a\0b"])
def test_what_is_no_path_makes_no_socket(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ListenError, match=r"neither a port in .*, such as 1234, nor a path"):
        GdbServer(where)
    assert not list(tmp_path.iterdir())


def test_a_path_may_have_a_colon(tmp_path: Path) -> None:
    with closing(GdbServer(str(tmp_path / "a:1"))) as server:
        assert server.address.endswith("/a:1")
