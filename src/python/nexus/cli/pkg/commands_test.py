"""The commands against a node that serves packages on another thread."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nexus.cli.bus.bus_scene import write_files
from nexus.cli.main import COMMANDS, main
from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.node import Node
from nexus.image.package import contents_line
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.io.service import PackageService
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.request_cases import FILES

NOISE = hashlib.shake_256(b"n").digest(100_000)
LISTING = contents_line("noise", NOISE) + contents_line("bad", b"good") + contents_line("\x1b", b"")
BACKEND = MemoryBackend(
    [
        *FILES,
        PackageFile("big", "1", "noise", NOISE),
        PackageFile("big", "1", "bad", b"evil"),
        PackageFile("big", "1", "contents.txt", LISTING.encode()),
    ]
)
ALLOW = """
[rate]
burst = 65535
per_second = 65535

[[allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]
"""


@contextmanager
def serving(folder: Path, allow: str = ALLOW) -> Iterator[None]:
    """Run node-b of the folder's b.toml; host-1 is who the commands are."""
    write_files(folder, allow)
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        packages = PackageService(BACKEND)
        settings = load_settings(folder / "b.toml")
        async with Node(settings, {SERVICE: packages}, session_ended=packages.session_ended):
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield
    finally:
        stop.set()
        thread.join(10)


def test_every_command_reads_from_a_serving_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path):
        assert main(["pkg", "stat", "node-b", "pkg:/system/build.prop", "pkg:/big/noise"]) == 0
        assert [line.split()[0] for line in capfdbinary.readouterr().out.splitlines()] == [
            b"19",
            b"100000",
        ]
        assert main(["pkg", "cat", "node-b", "pkg:/big/noise"]) == 0
        assert capfdbinary.readouterr().out == NOISE
        assert main(["pkg", "ls", "node-b", "pkg:/big"]) == 0
        lines = capfdbinary.readouterr().out.splitlines()
        assert lines[0] == f"{hashlib.sha256(NOISE).hexdigest()}      100000  noise".encode()
        assert lines[2].endswith(b"  ?")
        assert main(["pkg", "cp", "node-b", "/packages/big@1/noise", "copy"]) == 0
        assert (tmp_path / "copy").read_bytes() == NOISE
        assert main(["pkg", "cp", "node-b", "pkg:/system/build.prop", ".", "--outstanding=1"]) == 0
        assert (tmp_path / "build.prop").read_bytes() == b"ro.nexus.build=dev\n"
        assert capfdbinary.readouterr() == (b"", b"")


def test_each_failure_of_a_command_has_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "target").mkdir()
    with serving(tmp_path):
        for arguments, code, said in (
            (["stat", "node-b", "pkg:/none/x"], 70, "NOT_FOUND"),
            (["cat", "node-b", "pkg:/system"], 72, "IO"),
            (["ls", "node-b", "pkg:/system"], 70, "contents.txt"),
            (["cat", "node-b", "pkg:/../x"], 20, "PATH_TRAVERSAL"),
            (["cp", "node-b", "file:/x", "target"], 20, "NON_PACKAGEFS_SCHEME"),
            (["cp", "node-b", "pkg:/none/x", "target"], 70, "NOT_FOUND"),
            (["cp", "node-b", "pkg:/big/noise", "no/where"], 20, "there is no folder"),
            (["cp", "node-b", "pkg:/big/bad", "target"], 72, "its bundle lists"),
            (["stat", "node-x", "pkg:/big/noise"], 74, "not a configured peer"),
        ):
            assert main(["pkg", *arguments]) == code, arguments
            message = capsys.readouterr()
            assert said in message.err
            assert (message.out, message.err.count("\n")) == ("", 1)
        assert list((tmp_path / "target").iterdir()) == []


def test_what_the_peer_does_not_permit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path, allow=""):
        assert main(["pkg", "stat", "node-b", "pkg:/big/noise"]) == 71
        assert "refused by the peer" in capsys.readouterr().err
    assert main(["pkg", "stat", "node-b", "pkg:/big/noise", "--timeout=0.2"]) == 74
    assert main(["pkg", "stat", "node-b", "pkg:/big/noise", "--config=none.toml"]) == 20


REMOTE = ("pkg cat", "pkg cp", "pkg ls", "pkg stat")


@pytest.mark.parametrize("name", REMOTE)
def test_help_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in COMMANDS
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: nexus {name} node-b pkg:/system" in shown
    assert "Exit codes" in shown


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("more", [[], ["b"], ["b", "--outstanding", "0"], ["b", "--what"]])
def test_a_wrong_command_line_is_one_line(
    name: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), *more]) == 20
    assert capsys.readouterr().err.count("\n") == 1
