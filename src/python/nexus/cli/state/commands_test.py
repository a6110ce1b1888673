"""The commands against a node that serves a state image as a process of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest

from nexus.cli.bus.bus_scene import serving, write_files
from nexus.cli.main import COMMANDS, main
from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.record import record_schema
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.tool import FileDevice

ALLOW = """
[rate]
burst = 65535
per_second = 65535

[[allow]]
peer = "host-1"
service = "statefsd"
operations = [
    "put", "get", "delete", "list", "sync", "txn-begin", "txn-put", "txn-commit", "txn-abort",
]

[[allow]]
peer = "host-1"
service = "logd"
operations = ["query"]
"""
KEY = "/state/shared/colour"
SERVE = ("state", "serve", "state.img")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two nodes' files and an empty image, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, ALLOW)
    (tmp_path / "state.img").write_bytes(bytes(512 * 64))
    return tmp_path


def test_every_command_and_what_is_recorded(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "value").write_bytes(b"\0\xff\n")
    with serving(folder, *SERVE) as said:
        assert main(["state", "put", "node-b", KEY, "green"]) == 0
        assert main(["state", "put", "node-b", f"{KEY}/2", "--file", "value"]) == 0
        assert main(["state", "sync", "node-b"]) == 0
        assert capfdbinary.readouterr() == (b"", b"")
        assert main(["state", "get", "node-b", f"{KEY}/2"]) == 0
        assert capfdbinary.readouterr() == (b"\0\xff\n", b"")
        assert main(["state", "ls", "node-b"]) == 0
        assert capfdbinary.readouterr() == (f"{KEY}\n{KEY}/2\n".encode(), b"")
        assert main(["state", "ls", "node-b", KEY, "--limit=1"]) == 0
        shown = (f"{KEY}\n".encode(), b"note: there may be more keys\n")
        assert capfdbinary.readouterr() == shown
        assert main(["state", "del", "node-b", f"{KEY}/2"]) == 0
        assert main(["state", "fsck", "state.img"]) == 2
        assert b"in use" in capfdbinary.readouterr().err
    changes = [line for line in said if "audit remote statefs" in line]
    assert [line.split()[3:6] for line in changes] == [
        ["put", "allow", "peer=host-1"],
        ["put", "allow", "peer=host-1"],
        ["delete", "allow", "peer=host-1"],
    ]
    assert sum("audit remote call" in line for line in said) == 4
    assert "colour" not in " ".join(said)
    # The tools for images find the state that was served.
    assert main(["state", "dump", "--values", "state.img"]) == 0
    assert capfdbinary.readouterr().out == f"'{KEY}'  5 bytes  {b'green'.hex()}\n".encode()
    assert main(["state", "fsck", "state.img"]) == 0


def test_each_step_of_a_transaction_is_recorded(folder: Path) -> None:
    async def change() -> None:
        async with Node(load_settings("bus.toml")) as node:
            client = StateClient(await node.connect("node-b"))
            async with await client.begin() as kept:
                await kept.put(KEY, b"green")
            dropped = await client.begin()
            await dropped.put(KEY, b"red")

    with serving(folder, *SERVE) as said:
        asyncio.run(change())
        assert main(["state", "get", "node-b", KEY]) == 0
    steps = [line.split()[3:5] for line in said if line.startswith("audit remote statefs")]
    assert steps == [
        ["txn-put", "allow"],
        ["txn-commit", "allow"],
        ["txn-put", "allow"],
        ["txn-abort", "allow"],
    ]


def test_keys_of_every_script_are_listed_as_they_are(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    names = ["größe", "値 1", "\x1b[2J", "a\nb"]
    with serving(folder, *SERVE):
        for name in names:
            assert main(["state", "put", "node-b", f"/state/shared/{name}", name]) == 0
        capfdbinary.readouterr()
        assert main(["state", "ls", "node-b"]) == 0
        shown = capfdbinary.readouterr().out.decode().splitlines()
        assert shown == [f"/state/shared/{key}" for key in (r"\x1b[2J", r"a\x0ab", "größe", "値 1")]
        for name in names:
            assert main(["state", "get", "node-b", f"/state/shared/{name}"]) == 0
            assert capfdbinary.readouterr().out.decode() == name
        assert main(["state", "get", "node-b", "/state/shared/\udcff"]) == 20


def test_all_keys_are_listed_however_many(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "state.img").write_bytes(bytes(512 * 512))
    keys = [f"{KEY}/{number:03}" for number in range(200)]
    with FileDevice(folder / "state.img", is_writable=True) as device:
        store = Store(device)
        for key in keys:
            store.put(key, b"v")
        store.sync()
    with serving(folder, *SERVE):
        assert main(["state", "ls", "node-b"]) == 0
        assert capsys.readouterr() == ("".join(f"{key}\n" for key in keys), "")
        assert main(["state", "ls", "node-b", "--limit=150", "--json"]) == 0
        message = json.loads(capsys.readouterr().out)
        assert message == {"outcome": "ok", "keys": keys[:150], "complete": False}


@pytest.mark.parametrize("size", [129, 65_536])
def test_a_value_larger_than_a_frame(
    folder: Path, size: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    (folder / "value").write_bytes(value)
    (folder / "state.img").write_bytes(bytes(512 * 512))
    with serving(folder, *SERVE) as said:
        assert main(["state", "put", "node-b", KEY, "--file", "value"]) == 0
        assert main(["state", "get", "node-b", KEY]) == 0
    assert capfdbinary.readouterr() == (value, b"")
    assert sum("audit remote statefs put allow" in line for line in said) == 1


@pytest.mark.parametrize("size", [1, 128, 129, 5_000, 65_536])
def test_what_was_answered_outlives_the_server(
    folder: Path, size: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The server is killed when a put has returned: the image has all of the value."""
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    (folder / "value").write_bytes(value)
    (folder / "state.img").write_bytes(bytes(512 * 512))
    with serving(folder, *SERVE, is_killed=True):
        assert main(["state", "put", "node-b", KEY, "--file", "value"]) == 0
    assert main(["state", "fsck", "state.img"]) == 0
    assert b"1 entries" in capfdbinary.readouterr().out
    assert main(["state", "dump", "--values", "state.img"]) == 0
    assert value.hex().encode() in capfdbinary.readouterr().out


def test_json_output_is_one_object_for_each_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    def told(*arguments: str) -> tuple[int, dict[str, object]]:
        code = main(["state", *arguments, "--json"])
        message = capsys.readouterr()
        assert (message.err, message.out.count("\n")) == ("", 1)
        return code, json.loads(message.out)

    ok = {"outcome": "ok"}
    with serving(folder, *SERVE, "--json") as said:
        assert told("put", "node-b", KEY, "green") == (0, {**ok, "key": KEY, "bytes": 5})
        assert told("get", "node-b", KEY) == (0, {**ok, "key": KEY, "value": b"green".hex()})
        assert told("ls", "node-b") == (0, {**ok, "keys": [KEY], "complete": True})
        assert told("sync", "node-b") == (0, {**ok, "peer": "node-b"})
        assert told("del", "node-b", KEY) == (0, {**ok, "key": KEY})
        code, fields = told("del", "node-b", KEY)
        assert (code, fields["outcome"]) == (70, "not-found")
    records = [json.loads(line) for line in said]
    assert records[0]["event"] == "listening"
    changes = [record for record in records if record["event"] == "state-change"]
    assert [(record["operation"], record["outcome"], record["level"]) for record in changes] == [
        ("put", "allow", "info"),
        ("delete", "allow", "info"),
        ("delete", "reject status", "warn"),
    ]
    assert {record["event"] for record in records[1:]} == {"remote-call", "state-change"}
    for record in records[1:]:
        jsonschema.validate(record, record_schema())


def test_the_log_has_what_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(folder, *SERVE) as said:
        assert main(["state", "put", "node-b", KEY, "green"]) == 0
        assert main(["state", "get", "node-b", KEY]) == 0
        capsys.readouterr()
        assert main(["log", "node-b", "--scope=dsoftbusd"]) == 0
        told = capsys.readouterr().out
    texts = [line.split(maxsplit=4)[4] for line in told.splitlines()]
    assert texts == [line for line in said[1:] if "service=logd" not in line]
    assert texts[0].startswith("audit remote statefs put allow peer=host-1 key=")
    assert "colour" not in told


def test_each_failure_of_a_command_has_its_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").write_bytes(b"")
    (folder / "long").write_bytes(bytes(65_537))
    with serving(folder, *SERVE):
        for arguments, code, said in (
            (["get", "node-b", KEY], 70, "no such key"),
            (["del", "node-b", KEY], 70, "no such key"),
            (["get", "node-b", "/state/keystore/x"], 71, "below /state/shared/ only"),
            (["ls", "node-b", "/state/"], 71, "below /state/shared/ only"),
            (["put", "node-b", "/state/shared/../x", "v"], 20, "'..'"),
            (["put", "node-b", KEY, "v" * 65_537], 20, "a value 1 to 65536"),
            (["put", "node-b", KEY, "--file", "empty"], 20, "0 bytes"),
            (["put", "node-b", KEY, "--file", "long"], 20, "more than 65536 bytes"),
            (["put", "node-b", KEY, "--file", "none"], 21, "none"),
            (["get", "node-x", KEY], 74, "not a configured peer"),
        ):
            assert main(["state", *arguments]) == code, arguments
            message = capsys.readouterr()
            assert said in message.err
            assert (message.out, message.err.count("\n")) == ("", 1)
    assert main(["state", "get", "node-b", KEY, "--timeout=0.2"]) == 74
    assert main(["state", "get", "node-b", KEY, "--config=none.toml"]) == 20


def test_a_damaged_image_is_served_for_reading(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(folder, *SERVE):
        assert main(["state", "put", "node-b", KEY, "green"]) == 0
        assert main(["state", "put", "node-b", f"{KEY}2", "RUBY"]) == 0
    image = folder / "state.img"
    content = bytearray(image.read_bytes())
    content[content.index(b"RUBY")] ^= 1
    image.write_bytes(content)
    with serving(folder, *SERVE) as said:
        assert main(["state", "put", "node-b", KEY, "blue"]) == 72
        assert "damaged" in capsys.readouterr().err
        assert main(["state", "get", "node-b", KEY]) == 0
    assert "read only, " in said[0]
    assert image.read_bytes() == content


def test_a_peer_has_the_share_that_the_command_gives(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(folder, *SERVE, "--peer-keys", "2"):
        assert main(["state", "put", "node-b", f"{KEY}/1", "a"]) == 0
        assert main(["state", "put", "node-b", f"{KEY}/2", "b"]) == 0
        capsys.readouterr()
        assert main(["state", "put", "node-b", f"{KEY}/3", "c"]) == 72
        assert "as much of the peer's store as it may" in capsys.readouterr().err
        assert main(["state", "del", "node-b", f"{KEY}/1"]) == 0
        assert main(["state", "put", "node-b", f"{KEY}/3", "c"]) == 0


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--peer-keys", "0", "1..8192"),
        ("--peer-kib", "x", "1..65536"),
        ("--reserve-keys", "-1", "0.."),
    ],
)
def test_a_share_that_cannot_be_is_one_line(
    folder: Path, option: str, value: str, accepted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SERVE, f"{option}={value}", "--config", "b.toml"]) == 20
    message = capsys.readouterr().err
    assert f"{option}: '{value}' is not a whole number in {accepted}" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("image", "said"), [("none.img", "cannot open"), ("bus.toml", "bytes; expected multiples")]
)
def test_what_cannot_be_served(
    folder: Path, image: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", "serve", image, "--config", "b.toml"]) == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


REMOTE = ("del", "get", "ls", "put", "serve", "sync")


@pytest.mark.parametrize("name", REMOTE)
def test_help_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"state {name}" in COMMANDS
    with pytest.raises(SystemExit) as ended:
        main(["state", name, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: nexus state {name} " in shown
    assert "Exit codes" in shown


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("more", [[], ["b", "k", "v", "x"], ["b", "k", "--what"]])
def test_a_wrong_command_line_is_one_line(
    name: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["state", name, *more]) == 20
    assert capsys.readouterr().err.count("\n") == 1
