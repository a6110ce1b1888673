"""Every main of this project, asked for help and given a wrong option, on odd standard streams.

`nexus.entry.program_test` tries the guard around every main with every output; here each main is
tried, because each reads its arguments and prints in its own way.  A main is found by its last
line, so that a new one is tried, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

SOURCES: Final = Path("src/python")
_LAST_LINE: Final = re.compile(
    r'^if __name__ == "__main__":\n    run_program\(\w+(, Text\.REPORT)?\)$', re.MULTILINE
)
_BOUNDLESS: Final = re.compile(r"\btype=(int|float)\b")
_WRONG: Final = "--gr\xfcn=\u20ac"
EXIT_CONFIG: Final = 20
EXIT_HOST: Final = 21
EXIT_UNREAD: Final = 141
_LOSS: Final = b"error: standard output: No space left on device; some of the text is lost\n"
_SECONDS_MAX: Final = 300

# Imports a main once and then runs it in children, each with streams and arguments of its own and
# with Python's own end of a process: a start of each would take ten times as long.
_NURSERY: Final = """\
import importlib, os, runpy, sys
module, folder, *calls = sys.argv[1:]
importlib.import_module(module)
for number, call in enumerate(calls):
    output, errors, encoding, argument = call.split("|")
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    opened = []
    for descriptor, name in ((1, output), (2, errors)):
        if name == "unread":
            reading, writing = os.pipe()
            os.close(reading)
        elif name == "closed":
            writing = None
        else:
            path = name if name.startswith("/") else f"{folder}/{number}-{descriptor}"
            writing = os.open(path, os.O_WRONLY | os.O_CREAT)
        opened.append((descriptor, writing))
    for descriptor, writing in opened:
        if writing is None:
            os.close(descriptor)
        else:
            os.dup2(writing, descriptor)
            os.close(writing)
    sys.stdout = None if output == "closed" else open(1, "w", encoding=encoding, closefd=False)
    sys.stderr = None if errors == "closed" else open(
        2, "w", encoding=encoding, errors="backslashreplace", closefd=False)
    sys.argv[1:] = [argument]
    del sys.modules[module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Case:
    """One run of a main: its streams, and what is right for an answer and for a report."""

    output: str
    errors: str
    encoding: str
    argument: str
    codes: tuple[int, int]
    said: bytes | None = b""  # None: one line that names the argument.


CASES: Final = (
    Case("file", "file", "ascii", "--help", (0, 0)),
    Case("closed", "file", "utf-8", "--help", (0, 0)),
    Case("/dev/full", "file", "utf-8", "--help", (EXIT_HOST, 0), _LOSS),
    Case("unread", "file", "utf-8", "--help", (EXIT_UNREAD, 0)),
    Case("file", "file", "ascii", _WRONG, (EXIT_CONFIG, EXIT_CONFIG), None),
    Case("/dev/full", "file", "utf-8", _WRONG, (EXIT_CONFIG, EXIT_CONFIG), None),
    Case("file", "/dev/full", "utf-8", _WRONG, (EXIT_CONFIG, EXIT_CONFIG)),
    Case("closed", "closed", "utf-8", _WRONG, (EXIT_CONFIG, EXIT_CONFIG)),
)


# Every command of `nexus` is started by its one main, and its programs write their lines alike.
_COMMANDS: Final = "nexus.cli."
_NEXUS: Final = "nexus.cli.main"
# Started by other programs alone, which know what they need.
_NOT_TYPED: Final = ("nexus.bench.run_",)
# A program that is older than the code for all mistakes, and documents its own.
_OWN_CODES: Final = {"nexus.remotefs.state.tool": {EXIT_CONFIG: 2}}


def find_mains() -> dict[str, bool]:
    """Every module that ends as a main does, and whether its text is a report."""
    mains = {}
    for path in sorted(SOURCES.rglob("*.py")):
        ending = _LAST_LINE.search(path.read_text("utf-8"))
        if ending is not None and not path.stem.endswith(("_test", "_fake")):
            module = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
            if module == _NEXUS or not module.startswith((_COMMANDS, *_NOT_TYPED)):
                mains[module] = ending[1] is not None
    return mains


MAINS: Final = find_mains()


@pytest.mark.parametrize("module", MAINS)
def test_help_and_a_wrong_option_on_every_stream(module: str, tmp_path: Path) -> None:
    calls = [f"{case.output}|{case.errors}|{case.encoding}|{case.argument}" for case in CASES]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", _NURSERY, module, str(tmp_path), *calls],
        capture_output=True,
        check=False,
        env=kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        timeout=_SECONDS_MAX,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    codes = [int(line) for line in done.stdout.split()]
    for number, (case, code) in enumerate(zip(CASES, codes, strict=True)):
        printed, said = (read(tmp_path / f"{number}-{stream}") for stream in (1, 2))
        right = case.codes[MAINS[module]]
        assert code == _OWN_CODES.get(module, {}).get(right, right), (case, said)
        assert bool(printed) == (case.output == "file" and code == 0), case
        assert is_right(said, case), (case, said)


def test_every_number_has_bounds() -> None:
    """A type of `nexus.entry.options` has them; `int` takes 0, -1 and any length, `float` NaN."""
    paths = [path for path in SOURCES.rglob("*.py") if not path.stem.endswith("_test")]
    assert [str(path) for path in paths if _BOUNDLESS.search(path.read_text("utf-8"))] == []


def is_right(said: bytes, case: Case) -> bool:
    if case.said is not None or case.errors != "file":
        return said == (case.said or b"")
    return said.count(b"\n") == 1 and b"--gr" in said


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
