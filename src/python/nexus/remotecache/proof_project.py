"""A project of four processes that a fault can be tried on, without anything to install.

Three steps write a file each, and a test reads the three.  The salt is part of every file, so a new
salt is a project that was never built.

A process that runs locally waits while its file in the folder of holds is there.  That is how a
case decides who comes first, the answer of the cache or the local run, however busy the machine is:
what must be found is held, what must run is not, and what must fail first is let go when it has.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.remotecache import stats

STEPS: Final = 3

# The steps, and the test that reads them.
NAMES: Final = (*(f"step{number}" for number in range(1, STEPS + 1)), "test")
PROCESSES: Final = len(NAMES)

# A run takes some 10 s, a minute or two if it installs the compiler, and ten times that where ten
# times more is to do than the machine can; one that hangs must not hang the pipeline.
RUN_SECONDS_MAX: Final = 1800

# Tenths of a second after which a held process gives up waiting, so that a case in which the cache
# did not answer ends, with counters that say so.
HOLD_TENTHS_MAX: Final = 1800

# Pants would end a process after 30 s, one that is held too.
PROCESS_SECONDS_MAX: Final = 400

HOLD: Final = (
    "n=0; while [ -e {hold} ] && [ $n -lt {tenths} ]; do sleep 0.1; n=$((n+1)); done; {command}"
)

STEP: Final = """
shell_command(
    name="step{number}",
    command="{command}",
    tools=["sleep"],
    timeout={timeout},
    output_files=["{number}.txt"],
)
"""

TEST: Final = """
experimental_test_shell_command(
    name="test",
    command="{command}",
    tools=["sleep", "cat", "grep"],
    timeout={timeout},
    execution_dependencies=[{steps_named}],
)
"""

# The backend of this repository by which programs are started where Pants runs.
PLUGIN: Final = "run_here"

# A program that a person starts.  It says a variable of the machine of Pants, which no worker has.
VARIABLE: Final = "NEXUS_PROOF_CALLER"
STARTED: Final = "started by"
START: Final = f"""
run_shell_command(
    name="start",
    command="echo {STARTED} ${VARIABLE}",
)
"""

# Healthy servers on a busy machine must never be too late; the case of a hanging one sets less.
CONFIGURATION: Final = """
[GLOBAL]
pants_version = "{version}"
pythonpath = ["%(buildroot)s/plugins"]
backend_packages = ["pants.backend.shell", "{plugin}"]
pantsd = false
dynamic_ui = false
colors = false
process_execution_local_parallelism = 4
remote_cache_rpc_timeout_millis = 60000

[shell-setup]
# A worker's processes have no PATH.
executable_search_paths = ["/usr/bin", "/bin"]

[stats]
log = true

[anonymous-telemetry]
enabled = false
"""


@dataclass(frozen=True)
class Run:
    """The end of one run."""

    exit_code: int
    log: str
    log_path: Path

    @property
    def stats(self) -> stats.CacheStats:
        return stats.parse(self.log)


def output_of_step(number: int, salt: str) -> bytes:
    """The text that a step writes."""
    return f"step {number} {salt}\n".encode()


def blob_of(objects: Path, content: bytes) -> Path:
    """Return the path of these bytes in the store."""
    digest = hashlib.sha256(content).hexdigest()
    return objects / digest[:2] / digest[2:]


def write(folder: Path, root: Path, salt: str, holds: Path) -> None:
    """Lay the project out in a folder, for the Pants of this repository."""
    folder.mkdir(parents=True)
    version = re.search(
        r'^pants_version = "(.+)"$', (root / "pants.toml").read_text(), re.MULTILINE
    )
    assert version is not None, "pants.toml names its version"
    (folder / "pants.toml").write_text(CONFIGURATION.format(version=version[1], plugin=PLUGIN))
    shutil.copytree(
        root / "pants-plugins" / PLUGIN,
        folder / "plugins" / PLUGIN,
        ignore=shutil.ignore_patterns("BUILD", "*_test.py", "__pycache__"),
    )

    def held(name: str, command: str) -> str:
        return HOLD.format(hold=holds / name, tenths=HOLD_TENTHS_MAX, command=command)

    numbers = range(1, STEPS + 1)
    text = "".join(
        STEP.format(
            number=n,
            command=held(f"step{n}", f"echo step {n} {salt} > {n}.txt"),
            timeout=PROCESS_SECONDS_MAX,
        )
        for n in numbers
    )
    files = " ".join(f"{n}.txt" for n in numbers)
    text += TEST.format(
        command=held("test", f"cat {files} | grep -c {salt} | grep -qx {STEPS}"),
        timeout=PROCESS_SECONDS_MAX,
        steps_named=", ".join(f'":step{n}"' for n in numbers),
    )
    (folder / "BUILD").write_text(text + START)


def run_pants(
    launcher: Path,
    project: Path,
    state: Path,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    meanwhile: Callable[[subprocess.Popen[bytes], Path], None] | None = None,
) -> Run:
    """Run Pants in a project, with nothing local; what remains in `state` is the log.

    `meanwhile` gets the process and its log, which is a file, so that there is no pipe to empty.
    """
    state.mkdir(parents=True, exist_ok=True)
    log = state / "pants.log"
    argv = [str(launcher), *pants_arguments(state, arguments)]
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
                meanwhile(process, log)
            process.wait(RUN_SECONDS_MAX)
        finally:
            process.kill()
    for used in ("store", "caches", "work", "processes"):
        shutil.rmtree(state / used, ignore_errors=True)
    return Run(process.returncode, log.read_text(encoding="utf-8", errors="replace"), log)


def pants_arguments(state: Path, arguments: tuple[str, ...]) -> list[str]:
    """Make Pants keep all that it has in a folder."""
    return [
        "--no-pantsd",
        f"--local-store-dir={state / 'store'}",
        f"--named-caches-dir={state / 'caches'}",
        f"--pants-workdir={state / 'work'}",
        f"--pants-subprocessdir={state / 'processes'}",
        *arguments,
    ]


def clean_environment() -> dict[str, str]:
    """This process's environment without what a run of Pants put or found there."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PANTS_", "PEX"))
    }
