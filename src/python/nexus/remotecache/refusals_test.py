"""Faults that keep a server from starting: each is one line and a code, and starts nothing."""

from __future__ import annotations

import fcntl
import socket
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from nexus.remotecache import credentials, database, folders, refusing, serve, server, worker
from nexus.remotecache.processes import ENDING, free_port

DAY = timedelta(days=1)
NAME = "cache.example.org"
CONFIG, HOST = 20, 21


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that would start is a failure; signals and proxies stay the test's own."""
    for name in serve.NETWORK:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(serve, "take_ending", lambda _handler: ENDING)
    monkeypatch.setattr(server, "running", lambda *_: pytest.fail("it was started"))
    monkeypatch.setattr(database, "OPEN_SECONDS_MAX", 1)


Make = Callable[[Path, ExitStack], list[str]]


def own_files(made: credentials.Credentials, **other: Path) -> list[str]:
    """Options for a team's own certificate, as this test's authority has signed it."""
    found = {"authority": made.ca, "certificate": made.server_certificate, "key": made.server_key}
    return [f"--{option}={path}" for option, path in {**found, **other}.items()]


def wrong_name(place: Path, _stack: ExitStack) -> list[str]:
    made = credentials.create(place / "made", lifetime=DAY, names=("other.example.org",))
    return [f"--name={NAME}", *own_files(made)]


def expired(place: Path, _stack: ExitStack) -> list[str]:
    made = credentials.create(place / "made", lifetime=DAY, names=(NAME,))
    credentials.sign_server(made, -timedelta(minutes=1), (NAME,))
    return [f"--name={NAME}", *own_files(made)]


def foreign(place: Path, _stack: ExitStack) -> list[str]:
    made = credentials.create(place / "made", lifetime=DAY, names=(NAME,))
    other = credentials.create(place / "other", lifetime=DAY)
    return [f"--name={NAME}", *own_files(made, authority=other.ca)]


def other_key(place: Path, _stack: ExitStack) -> list[str]:
    made = credentials.create(place / "made", lifetime=DAY, names=(NAME,))
    other = credentials.create(place / "other", lifetime=DAY)
    return [f"--name={NAME}", *own_files(made, key=other.server_key)]


def own_authority_expired(place: Path, _stack: ExitStack) -> list[str]:
    keys = place / "server" / "keys"
    keys.parent.mkdir()
    (keys.parent / "store").mkdir()
    credentials.create(keys, lifetime=-timedelta(hours=2))
    return []


def taken(_place: Path, stack: ExitStack) -> list[str]:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return [f"--port={listener.getsockname()[1]}"]


def not_here(_place: Path, _stack: ExitStack) -> list[str]:
    # The address is from the block for documentation: no machine has it.
    return ["--listen=192.0.2.1", f"--name={NAME}", f"--port={free_port()}"]


def something_else(place: Path, _stack: ExitStack) -> list[str]:
    (place / "server").mkdir()
    (place / "server" / "letters").write_text("dear")
    return []


def other_version(place: Path, _stack: ExitStack) -> list[str]:
    (place / "server").mkdir()
    (place / "server" / folders.SERVER.mark).write_text("format 1\n")
    return []


def without_scopes(place: Path, _stack: ExitStack) -> list[str]:
    for name in ("keys", "store"):
        (place / "server" / name).mkdir(parents=True)
    return []


def served(place: Path, stack: ExitStack) -> list[str]:
    (place / "server").mkdir()
    (place / "server" / folders.SERVER.mark).write_text(folders.SERVER.text)
    file = stack.enter_context((place / "server" / "lock").open("w"))
    fcntl.flock(file, fcntl.LOCK_EX)
    return []


def jobs(place: Path) -> Path:
    """Return the file of a server's jobs; the folder is one of a server."""
    (place / "server").mkdir()
    (place / "server" / folders.SERVER.mark).write_text(folders.SERVER.text)
    return place / "server" / "jobs.sqlite"


def locked(place: Path, stack: ExitStack) -> list[str]:
    holder = sqlite3.connect(jobs(place), isolation_level=None)
    stack.callback(holder.close)
    holder.execute("BEGIN IMMEDIATE")
    return ["--schedule"]


def other_schema(place: Path, stack: ExitStack) -> list[str]:
    other = sqlite3.connect(jobs(place))
    stack.callback(other.close)
    other.execute("PRAGMA user_version = 7")
    return ["--schedule"]


def damaged(place: Path, _stack: ExitStack) -> list[str]:
    jobs(place).write_bytes(b"no database " * 100)
    return ["--schedule"]


def silent(_place: Path, _stack: ExitStack) -> list[str]:
    return [f"--database=postgresql://user:secret@127.0.0.1:{free_port()}/jobs"]


def of_another_kind(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--database=mysql://user:secret@127.0.0.1/jobs"]


def no_url(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--database=postgresql://user:secret@127.0.0.1:port/jobs"]


def a_file(place: Path, _stack: ExitStack) -> list[str]:
    (place / "server").touch()
    return []


def settings_nowhere(place: Path, _stack: ExitStack) -> list[str]:
    return [f"--settings={place / 'nowhere' / 'settings.sh'}"]


def no_mount(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--mount=/nowhere"]


def quota_of_one_blob(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--quota=1M"]


def quota_of_everything(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--quota=999999999999T"]


def restless_workers(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--worker-seconds=1"]


def keys_half_gone(place: Path, _stack: ExitStack) -> list[str]:
    jobs(place)
    credentials.create(place / "server" / "keys", lifetime=DAY)
    (place / "server" / "keys" / "ca.key").write_text("")
    return []


def no_number(_place: Path, _stack: ExitStack) -> list[str]:
    return ["--days=x"]


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (wrong_name, CONFIG, f"server.crt: is not for '{NAME}'; it is for other.example.org"),
        (expired, CONFIG, "server.crt: expired 20"),
        (foreign, CONFIG, "give the authority that signed it"),
        (other_key, CONFIG, "server.key: is not the key of"),
        (own_authority_expired, CONFIG, "ca.crt: expired 20"),
        (taken, HOST, "Address already in use on 127.0.0.1; name a port that no other program"),
        (
            not_here,
            HOST,
            "--listen: 192.0.2.1: Cannot assign requested address; expected an address",
        ),
        (a_file, CONFIG, "server: it is a file; expected a folder of this user"),
        (settings_nowhere, CONFIG, "nowhere/settings.sh cannot be written; expected a file in"),
        (no_mount, CONFIG, "--mount: /nowhere is not a folder of this machine"),
        (no_number, CONFIG, "--days: 'x' is not a whole number in 1..3650"),
        (quota_of_one_blob, CONFIG, "--quota: '1M' is too small; expected 200M to 1000T"),
        (quota_of_everything, CONFIG, "--quota: '999999999999T' is too large; expected 200M to"),
        (restless_workers, CONFIG, "--worker-seconds: '1' is not a whole number in 5..3600"),
        (keys_half_gone, CONFIG, "ca.key: is not a PEM key without password; expected RSA"),
        (something_else, CONFIG, "holds something else; give an empty folder, or a new one"),
        (other_version, CONFIG, "is a server's of 'format 1'; this version has 'format 2'"),
        (without_scopes, CONFIG, "is of an earlier version, whose keys know no scopes; delete"),
        (served, CONFIG, "another remote_cache uses it"),
        (locked, CONFIG, "jobs.sqlite: database is locked; another program has it open; end that"),
        (other_schema, CONFIG, "jobs.sqlite: tables of schema 7; this version has "),
        (damaged, CONFIG, "jobs.sqlite: file is not a database; move it away"),
        (silent, CONFIG, "onnection refused"),
        (
            no_url,
            CONFIG,
            "--database: cannot be read as a URL; expected postgresql://USER@HOST/NAME",
        ),
        (of_another_kind, CONFIG, "is not a kind of database; expected postgresql://USER@HOST"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_keeps_a_server_from_starting_is_one_line_and_a_code(
    make: Make, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        options = make(tmp_path, stack)
        seen = serve.main([f"--folder={tmp_path / 'server'}", *options])
    printed = capsys.readouterr()
    assert (seen, printed.out) == (code, "")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert "secret" not in printed.err


def test_a_disk_on_which_the_store_would_take_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refusing, "STORE_RESERVED_BYTES", 1 << 80)
    assert serve.main([f"--folder={tmp_path / 'server'}"]) == CONFIG
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert f"the store keeps {1 << 80} of them free and needs 200000000; give a folder" in printed
    assert not (tmp_path / "server" / "keys").exists()


@pytest.mark.parametrize("variable", ["https_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_names_its_user_is_refused_where_workers_would_be_told(
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, "http://user:secret@proxy:3128")
    assert serve.main([f"--folder={tmp_path / 'server'}", "--schedule"]) == CONFIG
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert f"{variable}: the address names a user" in printed.err
    assert "secret" not in printed.err
    assert not (tmp_path / "server" / "keys").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--folder={place}/token", "token: it is a file; expected a folder of this user"),
        ("--folder={place}/server", "server is a server's; give the worker a folder of its own"),
        ("--folder={place}", "holds something else; give an empty folder, or a new one"),
        ("--folder={place}/a:b", "a worker's folder must not have ':' in its path"),
        ("--folder={place}/\udcff", "\\udcff' is not UTF-8 text"),
        ("--mount=/nowhere", "--mount: /nowhere is not a folder of this machine"),
        ("--mount={place}/c:d", "c:d: must not have ':' in its path"),
        ("--quota=much", "--quota: 'much' is not a size; expected one like 500M or 10G"),
        ("--free=-1", "--free: '-1' is not a whole number in 0.."),
        ("--jobs=0", "--jobs: '0' is not a whole number in 1..1024"),
        ("--drain-seconds=x", "--drain-seconds: 'x' is not a whole number in 0.."),
        ("--server=cache", "--server: 'cache' is not an address; expected HOST:PORT"),
        ("--id=a/b", "--id: 'a/b' is not 1 to 64 letters, digits"),
    ],
)
def test_what_keeps_a_worker_from_asking_is_one_line_and_20(
    option: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "take_ending", lambda *_: ENDING)
    monkeypatch.setattr(worker, "refusal", lambda: None)
    monkeypatch.setattr(worker, "look", lambda *_: pytest.fail("the server was asked"))
    (tmp_path / "token").write_text("a.b.c\n")
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / folders.SERVER.mark).touch()
    (tmp_path / "c:d").mkdir()
    mode = tmp_path.stat().st_mode
    given = {
        "--server": "cache.example.org:8980",
        "--authority": f"{tmp_path}/token",
        "--token": f"{tmp_path}/token",
        "--folder": f"{tmp_path}/worker",
    }
    name, _, value = option.format(place=tmp_path).partition("=")
    given[name] = value
    assert worker.main([f"{name}={value}" for name, value in given.items()]) == CONFIG
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert said in printed.err
    # A folder that is not the worker's stays as it is.
    assert tmp_path.stat().st_mode == mode
    assert not (tmp_path / folders.WORKER.mark).exists()
