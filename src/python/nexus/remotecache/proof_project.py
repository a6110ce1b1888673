"""A project of four processes that a fault can be tried on, without anything to install.

Three steps write a file each, slowly enough that an answer of the cache always comes first; a test
reads the three files.  The salt is part of every file, so a new salt is a project nobody has built.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.remotecache import stats

STEPS: Final = 3

# The steps, and the test that reads them.
PROCESSES: Final = STEPS + 1

# An answer over loopback takes milliseconds; a machine as slow as this would need a thousand fold.
STEP_SECONDS: Final = 3

# A run takes some 10 s, and a minute or two if it installs the compiler; one that hangs must not
# hang the pipeline.
RUN_SECONDS_MAX: Final = 600

STEP: Final = """
shell_command(
    name="step{number}",
    command="sleep {seconds}; echo step {number} {salt} > {number}.txt",
    tools=["sleep"],
    output_files=["{number}.txt"],
)
"""

TEST: Final = """
experimental_test_shell_command(
    name="test",
    command="sleep {seconds}; cat {files} | grep -c {salt} | grep -qx {steps}",
    tools=["sleep", "cat", "grep"],
    execution_dependencies=[{steps_named}],
)
"""

CONFIGURATION: Final = """
[GLOBAL]
pants_version = "{version}"
backend_packages = ["pants.backend.shell"]
pantsd = false
dynamic_ui = false
colors = false
process_execution_local_parallelism = 4
remote_cache_rpc_timeout_millis = 3000

[stats]
log = true

[anonymous-telemetry]
enabled = false
"""


@dataclass(frozen=True)
class Run:
    """How one run ended."""

    exit_code: int
    log: str

    @property
    def stats(self) -> stats.CacheStats:
        return stats.parse(self.log)


def output_of_step(number: int, salt: str) -> bytes:
    """What a step writes."""
    return f"step {number} {salt}\n".encode()


def blob_of(objects: Path, content: bytes) -> Path:
    """Where the store keeps these bytes."""
    digest = hashlib.sha256(content).hexdigest()
    return objects / digest[:2] / digest[2:]


def write(folder: Path, root: Path, salt: str) -> None:
    """Lay the project out in a folder, for the Pants of this repository."""
    folder.mkdir(parents=True)
    version = re.search(r'^pants_version = "(.+)"$', (root / "pants.toml").read_text(), re.M)
    assert version is not None, "pants.toml names its version"
    (folder / "pants.toml").write_text(CONFIGURATION.format(version=version[1]))
    numbers = range(1, STEPS + 1)
    text = "".join(STEP.format(number=n, salt=salt, seconds=STEP_SECONDS) for n in numbers)
    text += TEST.format(
        salt=salt,
        seconds=STEP_SECONDS,
        steps=STEPS,
        files=" ".join(f"{n}.txt" for n in numbers),
        steps_named=", ".join(f'":step{n}"' for n in numbers),
    )
    (folder / "BUILD").write_text(text)


def run_pants(
    launcher: Path,
    project: Path,
    state: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
) -> Run:
    """Run Pants in a project, with nothing local but what `state` holds.

    The log is a file and no pipe, so that `meanwhile` may watch the store and not the output.
    """
    state.mkdir(parents=True, exist_ok=True)
    log = state / "pants.log"
    argv = [
        str(launcher),
        "--no-pantsd",
        f"--local-store-dir={state / 'store'}",
        f"--named-caches-dir={state / 'caches'}",
        f"--pants-workdir={state / 'work'}",
        f"--pants-subprocessdir={state / 'processes'}",
        *arguments,
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            argv,
            cwd=project,
            env=clean_environment() | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            if meanwhile is not None:
                meanwhile(process)
            process.wait(RUN_SECONDS_MAX)
        finally:
            process.kill()
    return Run(process.returncode, log.read_text(encoding="utf-8", errors="replace"))


def clean_environment() -> dict[str, str]:
    """This process's environment without what a run of Pants put or found there."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PANTS_", "PEX"))
    }
