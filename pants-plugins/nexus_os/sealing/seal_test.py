"""The home folder under the seal, and the seal's answers when it is called wrongly or refused."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest  # pants: no-infer-dep

from nexus_os.sealing import seal


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a Python, a script of Pants that names it, and a sandbox with a cache."""
    for folder in ("python/3/bin", "cache/tool", "sandbox/.cache", "secret", "venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "python/3/bin/python3").touch()
    (tmp_path / "venv/bin/python").symlink_to(tmp_path / "python/3/bin/python3")
    (tmp_path / "sandbox/.cache/tool").symlink_to(tmp_path / "cache/tool")
    monkeypatch.chdir(tmp_path / "sandbox")
    monkeypatch.setattr(sys, "path", [])
    for name in ("prefix", "base_prefix", "exec_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    return tmp_path


def below(home: Path, script: str) -> List[str]:
    (home / "sandbox/run.sh").write_text(script)
    return [os.path.relpath(path, home) for path in seal.needed_below(str(home), "run.sh")]


def test_sandbox_its_caches_and_the_interpreter_stay(home: Path) -> None:
    script = f"#!/bin/sh\nexport PEX_PYTHON={home}/venv/bin/python\n"
    assert below(home, script) == ["cache/tool", "python/3", "sandbox", "venv"]


def test_a_folder_within_something_kept_is_kept_with_it(home: Path) -> None:
    script = f"#!/bin/sh\nexec {home}/python/3/bin/python3 {home}/python/3/lib\n"
    (home / "python/3/lib").mkdir()
    assert below(home, script) == ["cache/tool", "python/3", "sandbox"]


HOMES = [
    "with space",
    "br(ack)et",
    "eq=ual",
    "semi;colon",
    "quo'te",
    'dou"ble',
    "co:lon",
    "back\\s",
]


@pytest.mark.parametrize("name", [*HOMES, os.fsdecode(b"gr\xfcn"), "gr\u00fcn"])
@pytest.mark.parametrize(
    "line",
    ["'''exec' {double} -c 'echo ran'", "exec {single} -x", "A={single} run", "P=/bin:{single}:/x"],
)
def test_a_path_in_quotes_is_read_whole(tmp_path: Path, name: str, line: str) -> None:
    tool = tmp_path / name / "tools/bin/sh"
    escaped = str(tool).replace("\\", "\\\\").replace('"', '\\"')
    text = line.format(double=f'"{escaped}"', single=shlex.quote(str(tool)))
    script = tmp_path / "script"
    script.write_bytes(os.fsencode(f"#!/bin/sh\n# It isn't quoted.\n{text}\n"))
    # Between colons, a path with a colon looks like two paths; a shell cannot tell, either.
    is_ambiguous = ":" in name and line.startswith("P=")
    assert (str(tool) in seal.named_in(str(script))) is not is_ambiguous


def test_an_escaped_path_is_read_whole(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nexec /home/with\\ space/b\\(c\\)/sh\n")
    assert "/home/with space/b(c)/sh" in seal.named_in(str(script))


def test_a_kernel_without_namespaces_is_not_a_full_disk() -> None:
    assert "user.max_user_namespaces" in seal.namespace_reason(errno.ENOSPC)
    assert "may not make namespaces" in seal.namespace_reason(errno.EPERM)
    assert seal.namespace_reason(errno.ENOMEM) == os.strerror(errno.ENOMEM)


def test_the_whole_home_never_stays(home: Path) -> None:
    assert below(home, f"#!/bin/sh\nexec {home}/bin/python {home}\n") == ["cache/tool", "sandbox"]


def test_what_is_no_script_names_nothing(home: Path) -> None:
    assert below(home, f"\x7fELF {home}/secret/tool") == ["cache/tool", "sandbox"]
    assert seal.named_in("no-such-file") == []


@pytest.mark.parametrize(
    "arguments", [[], ["--"], ["--allow", "clock", "--", "true"], ["--allow"], ["true"]]
)
def test_wrong_arguments_run_nothing(
    arguments: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert seal.main(arguments) == seal.EXIT_USAGE
    assert "--allow network or home" in capsys.readouterr().err


def test_a_refusal_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    assert seal.main(["--", "true"]) == seal.EXIT_REFUSED
    assert "refused: plan9 has no namespaces" in capsys.readouterr().err


def test_a_command_that_is_not_there_is_named() -> None:
    command = [sys.executable, seal.__file__, "--allow", "network", "--allow", "home"]
    done = subprocess.run([*command, "--", "./none"], stderr=subprocess.PIPE, check=False)
    assert done.returncode == seal.EXIT_REFUSED
    assert done.stderr == b"seal: ./none: No such file or directory\n"
