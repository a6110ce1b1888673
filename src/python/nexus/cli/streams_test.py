"""No kind of standard stream changes a verdict: whole commands under a shell.

`nexus.entry.program_test` tries every kind of stream and output; here each kind of command is
tried, because each prints in its own way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from nexus.cli import main
from nexus.cli.vm_support import TIMEOUT_S, environment, saying, write_guest
from nexus.config.config_cases import NODE_A

_MARKER: Final = "guest: grüß dich"

Run = Callable[..., subprocess.CompletedProcess[bytes]]

# Each with its exit code.  The words in capitals are files of the folder in which it runs.
COMMANDS: Final = {
    "vm": ("vm run --kernel guest.elf", 0),
    "vm until": (f"vm run --kernel guest.elf --until '{_MARKER}'", 0),
    "os2vm": (f"os2vm --node node.toml --image system=guest.elf --expect '{_MARKER}'", 0),
    "os2vm plain": (
        f"os2vm --plain --verbose --node node.toml --image system=guest.elf --expect '{_MARKER}'",
        0,
    ),
    "os2vm fails": ("os2vm --node node.toml --image system=guest.elf --expect 'guest: hi'", 30),
    "schema": ("config schema world", 0),
    "explain": ("config explain node.toml", 0),
    "mistake": ("config check /none", 20),
    "bus mistake": ("bus whoami --json --config /none", 20),
    "fsck": ("state fsck state.img", 0),
}
# One of each way to print.
KINDS: Final = ("vm", "os2vm", "os2vm fails", "schema", "mistake", "bus mistake", "fsck")
_BUNDLE: Final = """
[bundle]
name = "b"
version = "1"
[[file]]
path = "a"
generate = { bytes = 1, seed = "s" }
"""
# The commands that make the files which the commands of a group read.
_PREPARING: Final = defaultdict(
    lambda: "--version",
    pkg="pkg build --manifest b.toml --out b.img",
    world=f"os2vm --node node.toml --image system=guest.elf --expect '{_MARKER}' --out out",
)
# Commands whose verdict, or mistake, survives whatever the output does.
VERDICTS: Final = ("os2vm", "os2vm fails", "mistake")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_guest(tmp_path, saying(_MARKER + "\n", 0))
    (tmp_path / "node.toml").write_text(NODE_A)
    (tmp_path / "state.img").write_bytes(bytes(1 << 16))

    def run_command(
        command: str, shell: str = "", **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [
                "/bin/bash",
                "-c",
                f'"$0" -m {main.__name__} {command} {shell}',
                sys.executable,
            ],
            cwd=tmp_path,
            env={**environment(), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run_command


def check_quiet(done: subprocess.CompletedProcess[bytes]) -> None:
    for trace in (b"Traceback", b"Exception ignored", b"BrokenPipe"):
        assert trace not in done.stderr
        assert trace not in done.stdout


@pytest.mark.parametrize("name", KINDS)
def test_a_closed_stream_changes_nothing(name: str, run: Run) -> None:
    command, code = COMMANDS[name]
    for shell in (">&-", "<&- >&- 2>&-"):
        done = run(command, shell)
        check_quiet(done)
        assert done.returncode == code, (shell, done.stderr)


@pytest.mark.parametrize("name", KINDS)
def test_a_full_device_is_a_fault_of_the_host_in_one_line(name: str, run: Run) -> None:
    command, code = COMMANDS[name]
    done = run(command, ">/dev/full")
    check_quiet(done)
    assert done.returncode == (code if name in VERDICTS else 21)
    # All that is said of the mistake is on the other stream, which has room.
    assert done.stderr.count(b"No space left on device") == (name != "mistake")
    assert run(command, "2>/dev/full").returncode == code


@pytest.mark.parametrize(
    "command",
    [
        "--version",
        "help",
        "help pkg",
        "manual",
        "completion bash",
        "bus schema config",
        "config describe node.toml",
        "config validate node.toml",
        "pkg schema",
        "pkg inspect b.img",
        "state compact state.img",
        "state dump --help",
        "world diff out out",
        "world report out",
        "world timeline out",
    ],
)
def test_an_answer_that_is_lost_is_a_fault_of_the_host(
    command: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "b.toml").write_text(_BUNDLE)
    assert run(_PREPARING[command.split()[0]]).returncode == 0
    for shell, code in ((">/dev/full", 21), (">&-", 0), ("2>/dev/full", 0), ("2>&-", 0)):
        done = run(command, shell)
        check_quiet(done)
        assert done.returncode == code, (shell, done.stderr)
        assert done.stderr.count(b"\n") == bool(code)


@pytest.mark.parametrize("name", KINDS)
def test_a_reader_that_left_is_quiet(name: str, run: Run) -> None:
    command, code = COMMANDS[name]
    # The first program begins once the second one is gone, so that each of its writes fails.
    done = run(f"{command} > >(exec true)", "")
    check_quiet(done)
    assert done.returncode in {code, 141}
    assert name not in VERDICTS or done.returncode == code


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("name", ["os2vm plain", "os2vm fails", "vm until", "explain"])
def test_no_encoding_changes_a_verdict(name: str, encoding: str, run: Run) -> None:
    command, code = COMMANDS[name]
    done = run(command, PYTHONIOENCODING=encoding)
    check_quiet(done)
    assert done.returncode == code


@pytest.mark.parametrize("byte", [b"\xfc", b"\x07", b"\x85", b"\xe2\x80\xa8"], ids=repr)
def test_a_name_that_is_no_text_works_and_its_reports_parse(
    byte: bytes, run: Run, tmp_path: Path
) -> None:
    name = os.fsdecode(b"n" + byte)
    for old, new in (("node.toml", f"{name}.toml"), ("guest.elf", f"{name}.elf")):
        (tmp_path / old).rename(tmp_path / new)
    done = run(
        f"os2vm --node $'{name}.toml' --image system=$'{name}.elf' --out $'{name}.out'"
        f" --expect '{_MARKER}'",
        PYTHONIOENCODING="utf-8:strict",
    )
    check_quiet(done)
    assert done.returncode == 0
    assert byte not in done.stdout
    out = tmp_path / f"{name}.out"
    assert json.loads((out / "summary.json").read_text())["outcome"] == "passed"
    suite = ElementTree.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("name") or "").startswith("n\\")
    assert (out / "result.txt").read_text().startswith("passed")


@pytest.mark.parametrize(
    "arguments",
    [
        "--node $'n\\xfc.toml' --image system=guest.elf --expect x",
        "--world $'n\\xfc.toml' --image system=guest.elf",
        "--node node.toml --image system=$'n\\xfc.elf' --expect x",
        "--node node.toml --image $'n\\xfc=guest.elf' --expect x",
    ],
)
def test_a_missing_name_that_is_no_text_is_one_line_with_artifacts(
    arguments: str, run: Run, tmp_path: Path
) -> None:
    done = run(f"os2vm {arguments} --out out")
    check_quiet(done)
    assert done.returncode == 20
    assert done.stderr.count(b"\n") == 1
    assert b"\\udcfc" in done.stderr
    ElementTree.parse(tmp_path / "out" / "junit.xml")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["exit_code"] == 20


@pytest.mark.parametrize(
    "command",
    [
        "os2vm --node node.toml --expect $'x\\xfc'",
        "os2vm --node node.toml --expect x --forbid $'x\\xfc'",
        "os2vm --node node.toml --expect x --forbid ''",
        "os2vm --node node.toml --expect ''",
        "os2vm --node node.toml --expect x --expect-message ''",
        "os2vm --node node.toml --expect x --expect-message $'\\x1b[2J'",
        "vm run --kernel guest.elf --until ''",
        "vm run --kernel guest.elf --fw-cfg $'opt/\\xfc=node.toml'",
        "vm run --kernel $'\\xfc.elf'",
        "config describe $'\\xfc.toml'",
        "config check --set $'a\\xfc=1' node.toml",
    ],
)
def test_what_can_match_no_line_is_refused_in_one_line(command: str, run: Run) -> None:
    done = run(command, PYTHONIOENCODING="utf-8:strict")
    check_quiet(done)
    assert done.returncode == 20
    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr


def test_until_looks_for_bytes(run: Run, tmp_path: Path) -> None:
    write_guest(
        tmp_path, saying("a\udcfcb\n".encode("utf-8", "surrogateescape").decode("latin-1"), 7)
    )
    done = run("vm run --kernel guest.elf --until $'a\\xc3\\xbc'")
    assert done.returncode == 0
