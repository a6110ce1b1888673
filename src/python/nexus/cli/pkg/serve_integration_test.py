"""A node that serves an image as a process of its own, and commands that read from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.cli.bus.bus_scene import serving, write_files
from nexus.cli.main import main
from nexus.image.package_image import PackageFile, build_image

ALLOW = """
[[allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]

[[allow]]
peer = "host-1"
service = "logd"
operations = ["query"]
"""


def test_what_is_served_is_read_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, ALLOW)
    (tmp_path / "p.img").write_bytes(build_image([PackageFile("b", "1", "x/y", b"content\n")]))
    with serving(tmp_path, "pkg", "serve", "p.img") as said:
        assert main(["pkg", "cat", "node-b", "pkg:/b/x/y"]) == 0
        assert capsys.readouterr().out == "content\n"
        assert main(["pkg", "stat", "node-b", "pkg:/b/x"]) == 72
        capsys.readouterr()
        assert main(["log", "node-b"]) == 0
        logged = capsys.readouterr().out.splitlines()
    assert "node-b listens on 127.0.0.1:" in said[0]
    assert sum("audit remote call outcome=ok peer=node-b" in line for line in said) == 0
    ok = "audit remote call outcome=ok peer=host-1 service=packagefsd"
    # One of the file, whose bytes came on a stream, and one of the call that asks for a size.
    assert sum(ok in line for line in said) == 2
    assert sum(ok in line for line in logged) == 2


@pytest.mark.parametrize(
    ("image", "said"), [("none.img", "cannot read"), ("bus.toml", "package image: ")]
)
def test_what_cannot_be_served(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    image: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, ALLOW)
    assert main(["pkg", "serve", image]) == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
