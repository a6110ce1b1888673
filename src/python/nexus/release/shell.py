"""One shell that runs commands one after the other, as a person at a terminal would.

The folder, variables and background jobs of one command are there for the next.  Whatever was
started ends with the shell.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nexus.core.errors import NexusError

# A command that prints more than this is not meant for a reader.
OUTPUT_BYTES_MAX: Final = 4 << 20

_CHUNK: Final = 65_536


class ShellError(NexusError):
    """A command did not end, or the shell did."""


class Shell:
    """A bash, kept open."""

    def __init__(self, folder: Path, env: Mapping[str, str], daemons: Path) -> None:
        """Start it in a folder; `daemons` is where Pants notes the numbers of its daemons."""
        self._daemons = daemons
        # No word that a command prints by chance.
        self._end = f"-- end {secrets.token_hex(8)}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str, seconds: float) -> tuple[int, str]:
        """Run a command; return its exit code and everything printed meanwhile.

        Raises:
            ShellError: it did not end in time, printed without end, or ended the shell.
        """
        assert self._process.stdin is not None, "the shell has a pipe for its input"
        script = f"{{ {command}\n}} </dev/null\nprintf '\\n%s %d\\n' '{self._end}' $?\n"
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        output = self._read_to_end(command, time.monotonic() + seconds)
        text, _, status = output.decode(errors="replace").rpartition(f"\n{self._end} ")
        return int(status), text

    def _read_to_end(self, command: str, deadline: float) -> bytes:
        assert self._process.stdout is not None, "the shell has a pipe for its output"
        output = b""
        mark = f"\n{self._end} ".encode()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not (mark in output and output.endswith(b"\n")):
                if len(output) > OUTPUT_BYTES_MAX:
                    raise ShellError(f"{command!r} printed more than {OUTPUT_BYTES_MAX} bytes")
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ShellError(f"{command!r} did not end in time; so far:\n{_text(output)}")
                chunk = os.read(self._process.stdout.fileno(), _CHUNK)
                if not chunk:
                    raise ShellError(f"{command!r} ended the shell; it printed:\n{_text(output)}")
                output += chunk
        return output

    def __enter__(self) -> Self:
        """Nothing to do: the shell runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the shell, its jobs, and the daemons that they started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
        for note in self._daemons.glob("**/pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(note.read_text()), signal.SIGTERM)


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
