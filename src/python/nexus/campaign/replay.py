"""A replay file: what it takes to run one seed again, and what must come of it.

JSON of about a kilobyte.  It names the commit, the scenario and the images by their digests, so
that a run of something else is refused and not mistaken for the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nexus.campaign.drawing import draw_faults
from nexus.campaign.judging import Violation
from nexus.campaign.prepare import Prepared
from nexus.campaign.recipe import Recipe, Reseed
from nexus.campaign.run import Ran
from nexus.campaign.scenario import RUN_MS_MAX
from nexus.config.held_file import ReadingError, hold_to_schema, parse_json
from nexus.core.errors import NexusError, did_you_mean
from nexus.entry.reading import read_bounded

FORMAT: Final = "nexus-replay-1"
# A thousand times what a small one has; a larger one was named by mistake.
FILE_BYTES_MAX: Final = 1 << 20
# In which Pants names the folder that it lays the inputs of a run out in.
_SANDBOX: Final = "NEXUS_SANDBOX"
# Names that an error message lists of those that are there.
_SHOWN_MAX: Final = 8
_SHA256: Final = r"^[0-9a-f]{64}$"

_Digest = Annotated[str, Field(pattern=_SHA256)]
_Seed = Annotated[int, Field(ge=0, lt=1 << 64)]
_Ns = Annotated[int, Field(ge=0, lt=1 << 63)]
_Times = Annotated[list[_Ns], Field(min_length=2, max_length=2)]


class ReplayError(NexusError):
    """A file that is not a replay file, or one of something else; one line."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Reseed(_Strict):
    at_ns: _Ns
    seed: _Seed


class ReplayFile(_Strict):
    """The file."""

    format: Literal["nexus-replay-1"]
    commit: str
    scenario: str  # As a path in the repository.
    scenario_sha256: _Digest  # Over the scenario, its world, the nodes' configs and the oracles.
    images: dict[str, _Digest]
    paths: dict[str, str]  # Where the images were.
    seed: _Seed
    without_faults: list[str] = []
    only: dict[str, list[int]] = {}
    times: dict[str, _Times] = {}
    without_machines: list[str] = []
    without_steps: list[int] = []
    run_ms: Annotated[int, Field(ge=1, le=RUN_MS_MAX)] | None = None
    reseed: _Reseed | None = None
    digest: _Digest  # The run's digest.
    violation: str  # The name of the first.
    message: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The content of a replay file."""

    file: ReplayFile
    recipe: Recipe
    path: Path = field(default=Path())


def write(prepared: Prepared, ran: Ran, commit: str) -> str:
    """Write the file of a run."""
    recipe = ran.recipe
    # A partition is named after its machines: a name from before one was left out is void.
    drawn = _drawn(prepared, recipe)
    first: Violation | None = ran.violations[0] if ran.violations else None
    turn = recipe.reseed
    whole: dict[str, object] = {
        "format": FORMAT,
        "commit": commit,
        "scenario": str(prepared.scenario.path),
        "scenario_sha256": scenario_digest(prepared),
        "images": dict(sorted(prepared.digests.items())),
        "paths": _paths(prepared),
        "seed": recipe.seed,
        "without_faults": sorted(recipe.without_faults & drawn),
        "only": {n: sorted(hits) for n, hits in sorted(recipe.only.items()) if n in drawn},
        "times": {n: list(times) for n, times in sorted(recipe.times.items()) if n in drawn},
        "without_machines": sorted(recipe.without_machines),
        "without_steps": sorted(recipe.without_steps),
        "run_ms": recipe.run_ms,
        "reseed": None if turn is None else {"at_ns": turn.at_ns, "seed": turn.seed},
        "digest": ran.digest,
        "violation": first.name if first else "",
        "message": first.message if first else "",
    }
    kept = {name: value for name, value in whole.items() if value not in ([], {}, None)}
    kept.setdefault("images", {})
    kept.setdefault("paths", {})
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def _paths(prepared: Prepared) -> dict[str, str]:
    """Return the paths of the images that are there when this program is gone."""
    sandbox = os.environ.get(_SANDBOX)
    return {
        name: str(path)
        for name, path in sorted(prepared.given.items())
        if sandbox is None or not path.is_relative_to(sandbox)
    }


def read(path: Path) -> Replay:
    """Read a file.

    Raises:
        ReplayError: the file is not a replay; the line names the field and what is accepted.
    """
    try:
        content = read_bounded(path, FILE_BYTES_MAX)
    except OSError as exc:
        raise ReplayError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(content) > FILE_BYTES_MAX:
        raise ReplayError(f"{path}: larger than {FILE_BYTES_MAX} bytes; expected a replay file")
    try:
        hold_to_schema(str(path), parse_json(str(path), content), ReplayFile.model_json_schema())
        file = ReplayFile.model_validate_json(content)
    except ReadingError as exc:
        raise ReplayError(f"{exc}; expected a file that a campaign wrote") from None
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReplayError(
            f"{path}: {where}: {first['msg']}; expected a file that a campaign wrote"
        ) from None
    turn = file.reseed
    recipe = Recipe(
        seed=file.seed,
        without_faults=frozenset(file.without_faults),
        only={name: frozenset(numbers) for name, numbers in file.only.items()},
        times={name: (times[0], times[1]) for name, times in file.times.items()},
        without_machines=frozenset(file.without_machines),
        without_steps=frozenset(file.without_steps),
        run_ms=file.run_ms,
        reseed=None if turn is None else Reseed(turn.at_ns, turn.seed),
    )
    return Replay(file, recipe, path)


def check(replay: Replay, prepared: Prepared, commit: str) -> None:
    """Refuse a replay of something else.

    Raises:
        ReplayError: one line that names what differs.
    """
    file, path = replay.file, replay.path
    if commit != file.commit:
        raise ReplayError(
            f"{path}: commit: the run was at {file.commit[:12]}, this folder is at "
            f"{commit[:12]}; check the former out, or find the seed again with its campaign"
        )
    for name, digest in file.images.items():
        found = prepared.digests.get(name)
        if found != digest:
            shown = "missing" if found is None else found[:12]
            raise ReplayError(
                f"{path}: images.{name}: the run had {digest[:12]}, this image is {shown}; "
                "package the image of that commit, and name it with --image"
            )
    if scenario_digest(prepared) != file.scenario_sha256:
        raise ReplayError(
            f"{path}: scenario_sha256: {file.scenario} has changed since, or its world, a node or "
            "an oracle; take the change back, or find the seed again"
        )
    _check_names(replay, prepared)
    for name, (start_ns, end_ns) in replay.recipe.times.items():
        if start_ns > end_ns:
            raise ReplayError(
                f"{path}: times.{name}: {start_ns}, {end_ns}; expected an end behind the beginning"
            )


def _check_names(replay: Replay, prepared: Prepared) -> None:
    """Refuse what the seed does not draw: without it the run would be another one."""
    recipe, scenario = replay.recipe, prepared.scenario
    faults = _drawn(prepared, recipe)
    steps = {str(step.number) for step in prepared.steps_of(Recipe(seed=recipe.seed))}
    named: tuple[tuple[str, Iterable[str], Collection[str]], ...] = (
        ("without_machines", recipe.without_machines, set(scenario.machines)),
        ("without_faults", recipe.without_faults, faults),
        ("only", recipe.only, faults),
        ("times", recipe.times, faults),
        ("without_steps", map(str, recipe.without_steps), steps),
    )
    for field_name, given, known in named:
        for name in sorted(set(given) - set(known)):
            some = ", ".join(sorted(known)[:_SHOWN_MAX]) or "nothing"
            more = ", ..." if len(known) > _SHOWN_MAX else ""
            raise ReplayError(
                f"{replay.path}: {field_name}: {name!r} is unknown; expected {some}{more}"
                + did_you_mean(name, known)
            )


def _drawn(prepared: Prepared, recipe: Recipe) -> frozenset[str]:
    """The faults that a recipe can name: those of all its machines, and of those that are left."""
    bare = replace(recipe, times={})
    whole = replace(bare, without_machines=frozenset())
    both = (draw_faults(prepared.scenario, each) for each in (bare, whole))
    return frozenset(fault.id for faults in both for fault in faults)


def scenario_digest(prepared: Prepared) -> str:
    """SHA-256 over a scenario: its file, its world's, its oracles', and the nodes' blobs."""
    scenario = prepared.scenario
    digest = hashlib.sha256()
    for path in (scenario.path, scenario.world_path, *scenario.oracles):
        content = path.read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    for machine in prepared.plan_of(Recipe(seed=0), ()).machines:
        digest.update(len(machine.config).to_bytes(8, "big") + machine.config)
    return digest.hexdigest()


def commit_of(folder: Path, variables: Mapping[str, str]) -> str:
    """The commit of a work tree, by its files; `none` outside of one.

    A variable `NEXUS_COMMIT` goes before: a build farm may have no `.git`.
    """
    given = variables.get("NEXUS_COMMIT")
    if given:
        return given
    git = folder / ".git"
    try:
        if git.is_file():  # A work tree of its own.
            git = folder / git.read_text().partition("gitdir:")[2].strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git
        if (git / "commondir").is_file():
            common = git / (git / "commondir").read_text().strip()
        if (common / name).is_file():
            return (common / name).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next(line.split(" ")[0] for line in packed if line.endswith(f" {name}"))
    except (OSError, StopIteration):
        return "none"
