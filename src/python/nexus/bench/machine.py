"""The machine that figures are measured on, as a line above them says it."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe_machine() -> str:
    """Day, processor and how many there are, the load by others, and the interpreter."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return (
        f"{datetime.now(UTC).date()}, {model}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, CPython {platform.python_version()}"
    )
