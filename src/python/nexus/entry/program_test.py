"""Every state of the standard streams: no traceback, no exit code 120, and the right code."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import pytest

from nexus.entry.program import EXIT_HOST, EXIT_INTERRUPTED, EXIT_UNREAD, TRACEBACK

# Without PYTHONUNBUFFERED, which hides the flush at the end of a process.
_ENVIRONMENT: Final = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONUNBUFFERED", "PYTHONIOENCODING", TRACEBACK)
} | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

_SMALL: Final = 'print("small")'
_LARGE: Final = 'sys.stdout.write("x" * 100_000)'
_FLUSHED: Final = 'print("flushed", flush=True)'
_BYTES: Final = 'sys.stdout.buffer.write(b"bytes"); sys.stdout.buffer.flush()'
_OUTPUTS: Final = (_SMALL, _LARGE, _FLUSHED, _BYTES)


def run(
    body: str,
    shell: str = "",
    *,
    text: str = "ANSWER",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a main with this body, under a shell's redirections."""
    program = (
        "import sys\n"
        "from nexus.entry.program import Text, report_only, run_program\n"
        "def main(arguments):\n"
        f"    {body}\n"
        f"run_program(main, Text.{text})\n"
    )
    return subprocess.run(
        ["/bin/bash", "-c", f'"$0" -c "$1" {shell}', sys.executable, program],
        capture_output=True,
        check=False,
        env={**_ENVIRONMENT, **(environment or {})},
    )


@pytest.mark.parametrize("code", [0, 10])
@pytest.mark.parametrize("shell", ["", ">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_as_dev_null(shell: str, code: int) -> None:
    done = run(f"{'; '.join(_OUTPUTS)}; return {code}", shell)
    assert (done.returncode, done.stderr) == (code, b"")


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "file")
    done = run(f"f = open({path!r}, 'w'); print('lost', flush=True); return f.fileno()", ">&- 2>&-")
    assert done.returncode > 2
    assert os.path.getsize(path) == 0


def test_a_missing_input_is_empty() -> None:
    assert run("return len(sys.stdin.read()) + sys.stdin.isatty()", "<&-").returncode == 0


@pytest.mark.parametrize("output", _OUTPUTS)
def test_a_full_device_fails_an_answer_in_one_line(output: str) -> None:
    done = run(f"{output}; return 0", ">/dev/full")
    assert done.returncode == EXIT_HOST
    assert done.stderr == (
        b"error: standard output: No space left on device; some of the text is lost\n"
    )


@pytest.mark.parametrize("code", [0, 10])
@pytest.mark.parametrize("output", _OUTPUTS)
def test_a_full_device_leaves_a_verdict(output: str, code: int) -> None:
    done = run(f"{output}; return {code}", ">/dev/full", text="REPORT")
    assert done.returncode == code
    assert done.stderr.count(b"\n") == 1
    assert run(f"report_only(); {output}; return {code}", ">/dev/full").returncode == code


def test_a_code_that_says_more_is_kept() -> None:
    assert run(f"{_SMALL}; return 20", ">/dev/full").returncode == 20


@pytest.mark.parametrize("output", _OUTPUTS)
def test_a_reader_that_left_is_no_error(output: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = (
        "import sys; from nexus.entry.program import Text, run_program\n"
        f"def main(arguments):\n    {output}; return int(arguments[1])\n"
        "run_program(main, Text[sys.argv[1]])"
    )
    for text, code, ended in (
        ("ANSWER", "0", EXIT_UNREAD),
        ("REPORT", "0", 0),
        ("REPORT", "10", 10),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, text, code],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            env=_ENVIRONMENT,
        )
        assert (done.returncode, done.stderr) == (ended, b"")
    os.close(writing)


def test_an_answer_that_nobody_reads_stops_and_cleans_up(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "cleaned")
    body = f"try:\n        while True: print('y' * 1000)\n    finally: open({path!r}, 'w').close()"
    done = run(body, "| head -c 1 >/dev/null; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (EXIT_UNREAD, b"")
    assert os.path.exists(path)


@pytest.mark.parametrize("shell", ["2>/dev/full", "2>&-", "2> >(exec true)"])
def test_a_lost_error_stream_changes_nothing(shell: str) -> None:
    body = "sys.stderr.write('error: no\\n' * 9000); print('answer'); return 20"
    done = run(body, shell)
    assert (done.returncode, done.stdout) == (20, b"answer\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict", "utf-8"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_every_character_can_be_printed(stream: str, encoding: str) -> None:
    body = f"sys.{stream}.write('gr\\xfc\\u20ac\\udcfc.'); return 0"
    done = run(body, environment={"PYTHONIOENCODING": encoding})
    shown = done.stdout if stream == "stdout" else done.stderr
    assert done.returncode == 0
    assert shown.endswith(b"\\udcfc.")
    assert b"\xe2\x82\xac" in shown or b"\\u20ac" in shown


def test_a_descriptor_that_does_not_block_gets_everything() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    program = (
        "import sys; from nexus.entry.program import run_program\n"
        "run_program(lambda a: sys.stdout.write('z' * 300_000) and 0)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=writing, env=_ENVIRONMENT) as p:
        os.close(writing)
        with open(reading, "rb") as stream:
            assert len(stream.read()) == 300_000
    assert p.returncode == 0


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("chr(0xDCFC).encode()", 20, b"error: '\\udcfc': is not UTF-8 text\n"),
        ("chr(0xD800).encode()", EXIT_HOST, b"error: unexpected UnicodeEncodeError at"),
        ("raise KeyError('seven')", EXIT_HOST, b"error: unexpected KeyError at __main__:"),
        ("raise KeyboardInterrupt", EXIT_INTERRUPTED, b""),
        ("raise MemoryError", EXIT_HOST, b"error: out of memory\n"),
        ("open('/none/file')", EXIT_HOST, b"error: /none/file: No such file or directory\n"),
        ("sys.exit(3)", 3, b""),
        ("sys.exit('no')", 1, b"error: no\n"),
        ("return None", 0, b""),
    ],
)
def test_however_a_main_ends(body: str, code: int, said: bytes) -> None:
    done = run(body)
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert done.stderr.count(b"\n") == bool(said)


@pytest.mark.parametrize(
    ("code", "shell", "ended"), [(0, "", 0), (10, "", 10), (0, ">/dev/full", 21)]
)
def test_a_program_that_ends_at_once_loses_no_text(code: int, shell: str, ended: int) -> None:
    body = (
        "import atexit; from nexus.entry.program import end_at_once; end_at_once();"
        " atexit.register(print, 'late'); print('said'); sys.stderr.write('reported\\n');"
        f" return {code}"
    )
    done = run(body, shell)
    assert (done.returncode, done.stdout) == (ended, b"" if shell else b"said\n")
    assert done.stderr.startswith(b"reported\n")


def test_a_defect_shows_its_traceback_if_asked_to() -> None:
    done = run("raise KeyError('seven')", environment={TRACEBACK: "1"})
    assert b"Traceback" in done.stderr


def test_a_terminal_gets_each_line_at_once() -> None:
    leader, follower = pty.openpty()
    program = (
        "import sys; from nexus.entry.program import run_program\n"
        "run_program(lambda a: print('here', sys.stdout.isatty()) or sys.stdin.read(1) and 0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=follower, env=_ENVIRONMENT
    ) as process:
        os.close(follower)
        assert os.read(leader, 100) == b"here True\r\n"  # It waits for input by then.
        process.communicate(b"x")
    os.close(leader)
    assert process.returncode == 0
