"""The machine that figures are measured on, as a line above them says it, or JSON."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict


class MachineFacts(TypedDict):
    """The machine, the programs and the day of figures."""

    cpu: str
    python: str
    qemu: str  # Its version, or `absent`.
    system: str
    date: str


def processor_model() -> str:
    """Return Linux's name for the processor; its architecture where it has no name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def describe_machine() -> str:
    """Day, processor and how many there are, the load by others, and the interpreter."""
    return (
        f"{datetime.now(UTC).date()}, {processor_model()}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, CPython {platform.python_version()}"
    )


def machine_facts(qemu: str) -> MachineFacts:
    """Return the facts that figures against the program `qemu` depend on, as JSON has them."""
    version = "absent"
    if shutil.which(qemu):
        said = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True)
        version = said.stdout.splitlines()[0].removeprefix("QEMU emulator ").strip()
    return {
        "cpu": processor_model(),
        "python": platform.python_version(),
        "qemu": version,
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
