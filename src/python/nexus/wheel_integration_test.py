"""The wheel, installed in a venv of its own and used as people do: its command, types and fsspec.

Needs the wheel and pip, which Pants puts beside the test (see BUILD).  There is no index: the
locked packages of this test's own environment are on the path of the venv, so pip finds that what
the wheel asks for is there, and installs nothing but the wheel.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from nexus.core.version import VERSION

PIP: Final = Path("src.python.nexus/pip.pex")
# How the names of tests, and of what serves them, end.
TESTS: Final = ("_test", "_fake", "_cases", "_scene", "_support")
MANIFEST: Final = """
[bundle]
name = "b"
version = "1"
[[file]]
path = "f"
"""
ALLOW: Final = """
[[allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]
"""


def wheel() -> Path:
    """Return the one wheel beside the test."""
    [found] = Path().glob("nexus_dsoftbus-*.whl")
    return found.resolve()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the wheel; all tests share it."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    python = str(folder / "bin/python")
    command = [str(PIP.resolve()), "--python", python, "install", "--no-index", str(wheel())]
    done = subprocess.run(
        [sys.executable, *command],
        # No file of the host's pip has a say in this.
        env={**clean(), "PEX_ROOT": str(folder / "pex"), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def clean() -> dict[str, str]:
    """An environment in which nothing leads back to the sources."""
    return {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }


def run(place: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of the venv."""
    command = [str(place / "bin" / words[0]), *words[1:]]
    return subprocess.run(
        command, cwd=cwd or place, env=clean(), capture_output=True, text=True, timeout=60
    )


def said(place: Path, *words: str, cwd: Path | None = None) -> str:
    """Run a program that must succeed; return what it printed."""
    done = run(place, *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_and_its_version(place: Path) -> None:
    assert said(place, "nexus", "--version") == f"nexus {VERSION}\n"
    assert f"-{VERSION}-py3-none-any.whl" in wheel().name
    assert "bus serve" in said(place, "nexus", "help")


def test_it_is_the_installed_one_and_has_types(place: Path) -> None:
    code = "import nexus.dsoftbus.io.node as n; print(n.__file__)"
    found = Path(said(place, "python", "-c", code).strip())
    assert found.is_relative_to(place)
    assert (found.parents[2] / "py.typed").is_file()


def test_every_module_can_be_imported(place: Path) -> None:
    with zipfile.ZipFile(wheel()) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")]
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
    assert len(names) > 100
    assert not [name for name in names if Path(name).stem.endswith(TESTS)]
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names
    ]
    said(place, "python", "-W", "error", "-c", f"import {', '.join(modules)}")


def test_a_command_that_is_not_there_is_one_line(place: Path) -> None:
    done = run(place, "nexus", "vm", "run", "x")
    assert (done.returncode, done.stdout) == (21, "")
    assert done.stderr.startswith("error: 'vm run' is not in this installation; ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["package.filesystem", "package.io.filesystem"])
def test_a_missing_extra_says_how_to_install_it(place: Path, module: str) -> None:
    code = f"""
import sys
sys.modules["fsspec"] = None
try:
    import nexus.remotefs.{module}
except ImportError as exc:
    print(type(exc).__name__, exc)
"""
    text = said(place, "python", "-c", code)
    assert text.startswith("MissingPackageError a file system of packages")
    assert "pip install 'nexus-dsoftbus[fsspec]'" in text


def test_two_nodes_a_package_and_fsspec(place: Path, tmp_path: Path) -> None:
    """Keys, files, an image, a node that serves it; then the command and a URL read from it."""
    said(place, "nexus", "bus", "keygen", "host-1", "host.key", cwd=tmp_path)
    said(place, "nexus", "bus", "keygen", "node-b", "b.key", cwd=tmp_path)
    write_files(place, tmp_path)
    (tmp_path / "m.toml").write_text(MANIFEST)
    (tmp_path / "f").write_bytes(b"content\n")
    said(place, "nexus", "pkg", "build", "--manifest", "m.toml", "--out", "p.img", cwd=tmp_path)
    with serving(place, tmp_path):
        assert said(place, "nexus", "pkg", "cat", "node-b", "pkg:/b/f", cwd=tmp_path) == "content\n"
        code = """
import fsspec
with fsspec.open("nexus-pkg://node-b/b/f", config="bus.toml") as file:
    print(file.read())
print(fsspec.filesystem("nexuspkg", config="bus.toml").ls("node-b", detail=False))
"""
        shown = said(place, "python", "-W", "error", "-c", code, cwd=tmp_path)
        assert shown == "b'content\\n'\n['node-b/b@1']\n"


@contextmanager
def serving(place: Path, folder: Path) -> Iterator[None]:
    """Run node-b for as long as the block takes."""
    command = [str(place / "bin/nexus"), "pkg", "serve", "p.img", "--config", "b.toml"]
    with subprocess.Popen(
        command, cwd=folder, env=clean(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "listens" in process.stdout.readline()
            yield
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0


def write_files(place: Path, folder: Path) -> None:
    """Write both nodes' files; the keys are there."""
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        ports = [int(sock.getsockname()[1]) for sock in socks]
    nodes = (("bus.toml", "host.key", "host-1"), ("b.toml", "b.key", "node-b"))
    for (name, key, _), port in zip(nodes, ports, strict=True):
        (folder / name).write_text(f'key_file = "{key}"\ndiscovery_port = {port}\n')
    public = [
        said(place, "nexus", "bus", "whoami", "--config", name, cwd=folder).split()[-1].strip('"')
        for name, _, _ in nodes
    ]
    for (name, _, _), (_, _, other), port, key in zip(
        nodes, nodes[::-1], ports[::-1], public[::-1], strict=True
    ):
        with (folder / name).open("a") as file:
            file.write(
                f'[[peer]]\nid = "{other}"\naddress = "127.0.0.1"\n'
                f'discovery_port = {port}\npublic_key = "{key}"\n'
            )
    with (folder / "b.toml").open("a") as file:
        file.write(ALLOW)
