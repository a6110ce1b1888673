"""`./pants run ci:workflows`: what runs where, checked; `-- --run JOB` runs a job on this machine.

A job's command runs in its environment, with nothing of this process's but what a machine needs.
What only prepares a runner (packages, actions, credentials) is shown and not run.

Exit codes: 0 all is well; 18 the files are not what they must be; 20 wrong arguments or a file that
cannot be read; else that of the first command that failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import EXIT_CONFIG, Text, run_program
from nexus.workflows.files import (
    GITHUB,
    GITLAB,
    LOCAL,
    Job,
    WorkflowError,
    complaints,
    is_preparing,
    parse,
)

EXIT_WRONG: Final = 18

# The variables of a machine that reach a job.
KEPT: Final = ("HOME", "LANG", "PATH", "PYENV_ROOT", "SSL_CERT_DIR", "SSL_CERT_FILE", "USER")

# Where a host keeps what is cached between jobs; here it is where this user has it.
NOT_HERE: Final = ("NEXUS_PANTS_CACHE", "XDG_CACHE_HOME")


def main(argv: Sequence[str]) -> int:
    """Check, and run what was asked for."""
    parser = ArgumentParser("ci:workflows", __doc__.split("\n")[0])
    parser.add_argument("--run", action="append", default=[], metavar="JOB")
    parser.add_argument("--host", choices=("github", "gitlab"), default="github")
    parser.add_argument("--root", type=Path, default=Path(), help="this repository")
    options = parser.parse_args(argv)
    try:
        jobs = tuple(
            job
            for path in (LOCAL, GITHUB, GITLAB)
            for job in parse(path, (options.root / path).read_text(encoding="utf-8"))
        )
    except OSError as exc:
        print(
            f"workflows: --root: cannot read {exc.filename}: {exc.strerror}; expected the root of "
            "this repository",
            file=sys.stderr,
        )
        return EXIT_CONFIG
    except WorkflowError as exc:
        print(f"workflows: {exc}", file=sys.stderr)
        return EXIT_CONFIG
    wrong = list(complaints(jobs))
    for complaint in wrong:
        print(f"workflows: {complaint}", file=sys.stderr)
    if wrong:
        return EXIT_WRONG
    host = {"github": GITHUB, "gitlab": GITLAB}[options.host]
    by_name = {job.name: job for job in jobs if job.host == host}
    if unknown := [name for name in options.run if name not in by_name]:
        print(f"workflows: no job {unknown[0]!r}; there are {', '.join(by_name)}", file=sys.stderr)
        return EXIT_CONFIG
    if not options.run:
        for job in by_name.values():
            print(f"{job.name:14}{job.ours[0]}")
    for name in options.run:
        status = run_job(by_name[name], options.root)
        if status != 0:
            return status
    return 0


def run_job(job: Job, root: Path) -> int:
    """Run the commands of a job that are ours, one after another, as its host would."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {name: v for name, v in job.environment.items() if name not in NOT_HERE}
    for action in job.actions:
        print(f"not run here: uses {action}", flush=True)
    for command in job.commands:
        if is_preparing(command):
            print(f"not run here: {command}", flush=True)
            continue
        print(f"run: {command}", flush=True)
        # Hosts run each with errors ending it, in bash.
        done = subprocess.run(["bash", "-e", "-c", command], cwd=root, env=environment, check=False)
        if done.returncode != 0:
            print(f"workflows: {job.name}: exit code {done.returncode}", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    run_program(main, Text.REPORT)
