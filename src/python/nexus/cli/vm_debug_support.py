"""Runs of `nexus vm run --gdb` that a test debugs."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from nexus.cli.vm_support import TIMEOUT_S, environment, vm_command

# A guest that only a debugger ends; s0 counts its rounds.
ENDLESS = """
again:
    addi s0, s0, 1
    j again
"""


class Debugged:
    """A run that waits for a debugger."""

    def __init__(self, kernel: Path, where: str, *more: str) -> None:
        self.process = subprocess.Popen(
            vm_command("--kernel", kernel, "--gdb", where, *more),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "target remote " in line
        self.address = line.split()[-1]

    def end(self) -> tuple[int, str]:
        try:
            output, _ = self.process.communicate(timeout=TIMEOUT_S)
        finally:
            self.process.kill()
        return self.process.returncode, output


def connect(address: str) -> socket.socket:
    """Connect as a debugger does to where the program says that it waits."""
    if "/" in address:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        connection.connect(address)
        return connection
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), TIMEOUT_S)
