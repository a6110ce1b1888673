"""A node that serves an image as a process of its own, and commands that read from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.cli.bus.bus_fake import write_files
from nexus.cli.main import main
from nexus.image.package_image import PackageFile, build_image

ALLOW = """
[[allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]
"""


def test_serve_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, ALLOW)
    (tmp_path / "p.img").write_bytes(build_image([PackageFile("b", "1", "x/y", b"content\n")]))
    with subprocess.Popen(
        [sys.executable, "-m", "nexus.cli.main", "pkg", "serve", "p.img", "--config", "b.toml"],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "node-b listens on 127.0.0.1:" in process.stdout.readline()
            assert main(["pkg", "cat", "node-b", "pkg:/b/x/y"]) == 0
            assert capsys.readouterr().out == "content\n"
            assert main(["pkg", "stat", "node-b", "pkg:/b/x"]) == 72
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert output.count("audit remote call outcome=ok peer=node-b") == 0
    assert output.count("audit remote call outcome=ok peer=host-1 service=packagefsd") == 5


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
