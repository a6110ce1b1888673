"""Replay files: what is read is what was written, and what is something else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from nexus.campaign.replay import ReplayError, commit_of, read

SHA: Final = "0" * 64
GOOD: Final[dict[str, object]] = {
    "format": "nexus-replay-1",
    "commit": "abc",
    "scenario": "ci/faults/links.toml",
    "scenario_sha256": SHA,
    "images": {"system": SHA},
    "paths": {},
    "seed": 7,
    "without_faults": ["loss/A>B/0"],
    "only": {"loss/B>A/0": [1, 5]},
    "times": {"pause/A/0": [10, 20]},
    "run_ms": 99,
    "reseed": {"at_ns": 5, "seed": 8},
    "digest": SHA,
    "violation": "x",
    "message": "y",
}


def written(folder: Path, text: str) -> Path:
    """A file."""
    path = folder / "x.replay.json"
    path.write_text(text)
    return path


def test_a_file_gives_its_recipe(tmp_path: Path) -> None:
    recipe = read(written(tmp_path, json.dumps(GOOD))).recipe
    assert recipe.seed == 7
    assert recipe.without_faults == {"loss/A>B/0"}
    assert recipe.only == {"loss/B>A/0": {1, 5}}
    assert recipe.times == {"pause/A/0": (10, 20)}
    assert recipe.run_ms == 99
    assert recipe.reseed is not None
    assert recipe.choice.only_until_ns == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "nexus-replay-2"}, "format"),
        ({"seed": -1}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"digest": "12"}, "digest"),
        ({"more": 1}, "more"),
        ({"times": {"x": [1]}}, "times.x"),
        ({"images": {"system": "no"}}, "images.system"),
        ({"run_ms": 0}, "run_ms"),
        ({"run_ms": 600_001}, "run_ms"),
        ({"times": {"pause/A/0": [0, 1 << 63]}}, "times.pause/A/0"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(ReplayError) as caught:
        read(written(tmp_path, json.dumps({**GOOD, **change})))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "x" * (2 << 20)])
def test_what_is_no_replay_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReplayError, match=r"x\.replay\.json"):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="cannot be read"):
        read(tmp_path / "no.json")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    text = json.dumps(GOOD)
    for length in range(len(text)):
        with pytest.raises(ReplayError):
            read(written(tmp_path, text[:length]))


def test_a_commit_is_read_from_the_files_of_git(tmp_path: Path) -> None:
    assert commit_of(tmp_path, {}) == "none"
    assert commit_of(tmp_path, {"NEXUS_COMMIT": "given"}) == "given"
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\nbbbb refs/heads/main\n")
    assert commit_of(tmp_path, {}) == "bbbb"
    (git / "refs" / "heads" / "main").write_text("aaaa\n")
    assert commit_of(tmp_path, {}) == "aaaa"
    (git / "HEAD").write_text("cccc\n")
    assert commit_of(tmp_path, {}) == "cccc"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {git}\n")
    assert commit_of(tree, {}) == "cccc"
