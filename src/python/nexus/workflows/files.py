"""The jobs of a workflow file, whatever its host.  Text in, values out."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final  # Any: YAML, as it is read.

import yaml

GITHUB: Final = ".github/workflows/ci.yml"
GITLAB: Final = ".gitlab-ci.yml"
LOCAL: Final = ".ci/run"

# Commands that prepare a runner; they are not ours, and a developer's machine runs none.
PREPARING: Final = ("sudo", "apt-get", "bash .ci/use-cache")

# The command that looks after one of ours where a job is all that runs.
LOOKED_AFTER: Final = "bash .ci/job "

# How a command of ours begins.
OURS: Final = ("./pants ", "bash .ci/run")

# Keys of a GitLab file that are not jobs.
_GITLAB_WORDS: Final = frozenset(("variables", "default", "stages", "workflow", "include"))

_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


class WorkflowError(Exception):
    """A file says something that this project does not, or that cannot be understood."""


@dataclass(frozen=True)
class Job:
    """One job, with what it runs in order and what others do for it."""

    host: str
    name: str
    commands: tuple[str, ...]
    environment: Mapping[str, str]
    actions: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()

    @property
    def ours(self) -> tuple[str, ...]:
        """The commands that are this project's, without what looks after them."""
        return tuple(
            command.removeprefix(LOOKED_AFTER)
            for command in self.commands
            if not is_preparing(command)
        )


def is_preparing(command: str) -> bool:
    """Whether a command is for a runner alone."""
    return command.startswith(PREPARING)


def parse(path: str, text: str) -> tuple[Job, ...]:
    """Read the jobs of a file.

    Raises:
        WorkflowError: it is no such file.
    """
    if path == LOCAL:
        return tuple(_local_jobs(text))
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise WorkflowError(f"{path}: {exc}") from exc
    if not isinstance(content, dict):
        raise WorkflowError(f"{path}: is not a mapping; expected the keys of a workflow")
    return tuple(_github_jobs(content) if path == GITHUB else _gitlab_jobs(content))


def _github_jobs(content: dict[str, Any]) -> Iterator[Job]:
    shared = _strings(content.get("env", {}))
    for name, job in content["jobs"].items():
        include = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        for row in include:
            yield _github_job(name, job, _strings(row), shared)


def _github_job(key: str, job: dict[str, Any], row: dict[str, str], shared: dict[str, str]) -> Job:
    commands: list[str] = []
    actions: list[str] = []
    artifacts: list[str] = []
    for step in job["steps"]:
        # The conditions in use ask whether a column of the table has a value.
        asked = re.findall(r"matrix\.(\w+)", str(step.get("if", "")))
        if not all(row.get(column) for column in asked):
            continue
        if "run" in step:
            commands += _fill(str(step["run"]), row).strip().split("\n")
        else:
            actions.append(str(step["uses"]))
        if str(step.get("uses", "")).startswith("actions/upload-artifact@"):
            artifacts += _fill(str(step["with"]["path"]), row).split()
    return Job(
        GITHUB,
        row.get("name", key),
        tuple(commands),
        {**shared, **_strings(job.get("env", {}))},
        tuple(actions),
        tuple(artifacts),
    )


def _fill(text: str, row: Mapping[str, str]) -> str:
    """Fill the columns of the table in; leave what only the host knows."""
    return _EXPRESSION.sub(
        lambda found: (
            row.get(found[1].removeprefix("matrix."), found[0])
            if found[1].startswith("matrix.")
            else found[0]
        ),
        text,
    )


def _gitlab_jobs(content: dict[str, Any]) -> Iterator[Job]:
    default = content.get("default", {})
    shared = _strings(content.get("variables", {}))
    for name, job in content.items():
        if name in _GITLAB_WORDS or name.startswith("."):
            continue
        before = job.get("before_script", default.get("before_script", []))
        artifacts = job.get("artifacts", default.get("artifacts", {}))
        yield Job(
            GITLAB,
            name,
            tuple(map(str, (*before, *job["script"]))),
            {**shared, **_strings(job.get("variables", {}))},
            artifacts=tuple(artifacts.get("paths", ())),
        )


def _local_jobs(text: str) -> Iterator[Job]:
    """The calls of `step NAME REPORTS COMMAND...` in our own script."""
    for line in text.replace("\\\n", " ").split("\n"):
        if line.startswith("step "):
            _, name, reports, *command = shlex.split(line)
            yield Job(LOCAL, name, (shlex.join(command),), {}, artifacts=(reports,) * bool(reports))


def _strings(mapping: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in mapping.items()}


def complaints(jobs: tuple[Job, ...]) -> Iterator[str]:
    """The mistakes in the jobs of all files together."""
    for job in jobs:
        for command in job.ours:
            if not command.startswith(OURS):
                yield f"{job.host}: {job.name}: {command!r} is not a command of this project"
        if job.host != LOCAL and not any(c.startswith(LOOKED_AFTER) for c in job.commands):
            yield f"{job.host}: {job.name}: is not run by {LOOKED_AFTER.strip()!r}"
        if len(job.ours) != 1:
            yield f"{job.host}: {job.name}: has {len(job.ours)} commands of ours instead of one"
        for action in job.actions:
            if not re.fullmatch(r"actions/[a-z-]+@v\d+", action):
                yield f"{job.host}: {job.name}: {action!r} is not an official action of one version"
    by_host = {
        host: {job.name: job for job in jobs if job.host == host}
        for host in (LOCAL, GITHUB, GITLAB)
    }
    for host in (GITHUB, GITLAB):
        for job in by_host[LOCAL].values():
            yield from _mirror(job, by_host[host].get(job.name), host)
    for host, other in itertools.permutations((GITHUB, GITLAB)):
        for name, job in by_host[host].items():
            yield from _mirror(job, by_host[other].get(name), other)


def _mirror(job: Job, theirs: Job | None, host: str) -> Iterator[str]:
    if theirs is None:
        yield f"{host}: lacks the job {job.name!r} of {job.host}"
    elif theirs.ours != job.ours:
        yield f"{host}: {job.name}: runs {theirs.ours}, and {job.host} runs {job.ours}"
    elif job.host == LOCAL and not _keeps(theirs, job.artifacts):
        yield f"{host}: {job.name}: does not keep {', '.join(job.artifacts)}"


def _keeps(job: Job, reports: tuple[str, ...]) -> bool:
    folders = [path.rstrip("/*") for path in job.artifacts]
    return all(any(report.startswith(folder) for folder in folders) for report in reports)
