"""Every `nexus vm run` of docs/emulator.md, run as it is written, on guests of our own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from nexus.cli.vm_support import TIMEOUT_S, environment, run_vm, saying, vm_command
from nexus.emulator.io.gdb_server import LOOPBACK
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.program_support import program

TEXT: Final = Path("docs/emulator.md").read_text(encoding="utf-8")
_PREFIXES: Final = (
    "nexus vm run ",
    "./pants run src/python/nexus/cli:nexus -- vm run ",
    "PYTHONPATH=src/python python -m nexus.cli.main vm run ",
)
_GUEST: Final = saying("init: ready\nlinux: shell\n", 0)


def _lines() -> list[str]:
    """The indented lines of the page; one that goes on behind a backslash is one."""
    text = TEXT.replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def _commands() -> list[str]:
    return [line for line in _lines() if line.startswith(_PREFIXES)]


def _arguments(command: str) -> list[str]:
    prefix = next(prefix for prefix in _PREFIXES if command.startswith(prefix))
    return shlex.split(command.removeprefix(prefix), comments=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page names, as small as they can be."""
    for name in ("system.elf", "fw_payload.elf", "fw_dynamic.bin"):
        (tmp_path / name).write_bytes(program(_GUEST))
    for name in ("Image", "vmlinux"):  # Behind firmware, wherever that is loaded.
        (tmp_path / name).write_bytes(assemble(_GUEST))
    for name in ("disk.img", "base.img", "initrd", "initrd.gz"):
        (tmp_path / name).write_bytes(bytes(4096))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_has_commands_of_every_kind() -> None:
    assert len(_commands()) >= 8
    assert all(any(c.startswith(prefix) for c in _commands()) for prefix in _PREFIXES)


def _need_opensbi(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode == 20:
        assert "--bios default" in done.stderr, "only for lack of this host's OpenSBI"
        pytest.skip("this host has no OpenSBI that is known")


_DUMPS = [c for c in _commands() if "--dump-dtb" in c]
_WITH_OPENSBI = [c for c in _commands() if "--bios default" in c and c not in _DUMPS]
_RUNS = [
    command
    for command in _commands()
    if command not in (*_DUMPS, *_WITH_OPENSBI)
    and "--gdb" not in command
    and "--engine" not in command
]


@pytest.mark.parametrize("command", _RUNS)
def test_a_command_of_the_page_boots_its_guest(command: str, folder: Path) -> None:
    done = run_vm(*_arguments(command))
    assert done.returncode == 0, done.stderr
    assert "init: ready" in done.stdout


@pytest.mark.parametrize("command", _DUMPS)
def test_a_command_of_the_page_writes_a_device_tree(command: str, folder: Path) -> None:
    done = run_vm(*_arguments(command))
    _need_opensbi(done)
    assert (done.returncode, (folder / "virt.dtb").is_file()) == (0, True), done.stderr


@pytest.mark.parametrize("command", _WITH_OPENSBI)
def test_a_command_of_the_page_starts_the_hosts_firmware(command: str, folder: Path) -> None:
    done = run_vm(*_arguments(command))
    _need_opensbi(done)
    assert "OpenSBI" in done.stdout, done.stderr


def test_the_engines_machines_are_compared_as_the_page_says(folder: Path) -> None:
    (command,) = (c for c in _commands() if "--engine native" in c)
    (page,) = re.findall(r"\n    cmp (\S+) (\S+)", TEXT)
    arguments = _arguments(command.replace("--engine native", "--engine reference"))
    for name in page:
        arguments[arguments.index("--snapshot-out") + 1] = name
        done = run_vm(*arguments)
        assert done.returncode == 0, done.stderr
    assert (folder / page[0]).read_bytes() == (folder / page[1]).read_bytes()


@pytest.mark.skipif(
    shutil.which("gdb-multiarch") is None, reason="gdb-multiarch is not installed on this host"
)
def test_gdb_connects_with_the_line_of_the_page(folder: Path) -> None:
    (command,) = (c for c in _commands() if "--gdb" in c)
    (line,) = (found for found in _lines() if found.startswith("gdb-multiarch"))
    arguments = _arguments(command)
    port = arguments[arguments.index("--gdb") + 1]
    assert f"{LOOPBACK}:{port}" in line
    arguments[arguments.index("--gdb") + 1] = "0"  # The page's own may be taken.
    with subprocess.Popen(
        vm_command(*arguments), env=environment(), stderr=subprocess.PIPE, text=True
    ) as guest:
        assert guest.stderr is not None
        address = guest.stderr.readline().split()[-1]
        words = shlex.split(line.replace(f"{LOOPBACK}:{port}", address))
        words[1:1] = ["-nx", "-batch"]
        done = subprocess.run(
            [*words, "-ex", "kill"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "0x0000000080000000" in done.stdout, done.stdout + done.stderr
        assert guest.wait(TIMEOUT_S) == 130
