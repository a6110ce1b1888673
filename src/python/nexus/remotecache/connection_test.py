"""Addresses, tokens, and what is said of a server that is not the one that was meant."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from nexus.core.errors import UsageError
from nexus.remotecache import connection, credentials
from nexus.remotecache.connection import Remote
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.processes import ServerError, SettingError, free_port

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("cache.example.org:8980", "cache.example.org", 8980),
        ("grpcs://cache:1", "cache", 1),
        ("10.0.0.5:65535", "10.0.0.5", 65535),
        ("[::1]:80", "::1", 80),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    assert connection.parse_address("--server", text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "cache", "cache:", ":1", "cache:0", "cache:65536", "a b:1", "::1:80", "http://a:1"]
)
def test_what_is_not_an_address_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"--server: .* is not an address; expected HOST:PORT"):
        connection.parse_address("--server", text)


@pytest.mark.parametrize("text", ["", "\n", "two lines\nof it", "a b", "a\0", "a\x7f"])
def test_what_is_not_a_token_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(SettingError, match=r"--token: .*/token is not a token"):
        connection.read_token(path)


@contextmanager
def listening(made: Credentials) -> Iterator[int]:
    """A server with a certificate, that takes one connection after another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_certificate, made.server_key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                with plain:
                    try:
                        context.wrap_socket(plain, server_side=True).close()
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def look(port: int, authority: Path, host: str = "localhost") -> None:
    connection.look(Remote(host, port, authority, None))


def test_the_right_server_is_taken(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=DAY)
    with listening(made) as port:
        look(port, made.ca)


def test_a_wrong_server_is_named_and_why(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=DAY, names=("cache.example.org",))
    other = credentials.create(tmp_path / "other", lifetime=DAY)
    with listening(made) as port:
        with pytest.raises(
            SettingError, match="its certificate is not for 'localhost'; use a name"
        ):
            look(port, made.ca)
        with pytest.raises(SettingError, match="missing: No such file or directory"):
            look(port, tmp_path / "missing")
    credentials.sign_server(made, DAY, ("localhost",))
    with (
        listening(made) as port,
        pytest.raises(SettingError, match=r"is not signed by .*other/ca\.crt"),
    ):
        look(port, other.ca)
    credentials.sign_server(made, -timedelta(minutes=1), ("localhost",))
    with listening(made) as port, pytest.raises(SettingError, match="its certificate expired"):
        look(port, made.ca)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "; expected one in PEM, or the settings that a server with --name wrote"),
        ("export PANTS_REMOTE_STORE_ADDRESS=grpcs://cache:1\n", "; expected one in PEM"),
        (
            "export A=b\nexport PANTS_REMOTE_STORE_ADDRESS=grpcs://localhost:1\n",
            ": these settings are of a server named localhost, for its machine only; start it "
            "with --listen ADDRESS --name HOST --settings FILE and give that FILE, or, on its own "
            "machine, keys/ca.crt of its folder",
        ),
    ],
    ids=["nothing", "settings-of-another", "settings-of-localhost"],
)
def test_a_file_without_a_certificate_is_named_and_what_it_is(
    text: str, said: str, tmp_path: Path
) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=DAY)
    given = tmp_path / "given"
    given.write_text(text)
    with listening(made) as port, pytest.raises(SettingError) as caught:
        look(port, given)
    assert str(caught.value).startswith(f"--authority: {given} holds no certificate{said}")


def test_nobody_and_somebody_else_are_told_apart(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=DAY)
    with pytest.raises(ServerError, match="Connection refused; start the server"):
        look(free_port(), made.ca)
