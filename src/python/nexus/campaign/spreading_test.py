"""Batches of a campaign: how it is cut, and how what they found is put together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.campaign import simulate, spreading
from nexus.campaign.result import Found, ResultsError, SeedResult, read, render
from nexus.campaign.spreading import Batch, batches_of, gathered
from nexus.core.errors import UsageError
from nexus.harness.engine import HostFaultError

FILES = (Path("ci/links.toml"), Path("disks.toml"))


def one(scenario: str, seed: int, violations: tuple[Found, ...] = ()) -> SeedResult:
    faults = {"loss": 2}
    return SeedResult(scenario, seed, "00", 5, 6, 7, faults, faults, violations, 8.5)


def leave(folder: Path, batch: Batch, *results: SeedResult) -> None:
    place = folder / batch.name
    place.mkdir()
    (place / spreading.RESULTS).write_text(render(results, {}, {}))


def test_results_are_read_as_they_were_written() -> None:
    found = (Found("lost", "B", 9, "ü"),)
    results = [one("links", 1), one("links", 2, found)]
    assert read(render(results, {}, {})) == results


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[" * 9999, "{}", '{"format": "other"}', '{"format": "nexus-campaign-1"}'],
    ids=["empty", "list", "deep", "bare", "other", "without runs"],
)
def test_what_are_no_results_is_refused(text: str) -> None:
    with pytest.raises(ResultsError):
        read(text)


def test_a_campaign_is_cut_seed_by_seed_into_batches_of_one_scenario() -> None:
    assert [str(batch) for batch in batches_of(FILES, range(10, 15), "2")] == [
        "seeds 10 to 11 of links",
        "seeds 10 to 11 of disks",
        "seeds 12 to 13 of links",
        "seeds 12 to 13 of disks",
        "seeds 14 to 14 of links",
        "seeds 14 to 14 of disks",
    ]


def test_no_two_batches_have_one_name_and_no_seed_is_played_twice() -> None:
    batches = batches_of(FILES, [3, 1, 5, 3, 2, 1], "3")
    assert [batch.seeds for batch in batches if batch.scenario == FILES[0]] == [(1, 2, 3), (5,)]
    assert len({batch.name for batch in batches}) == len(batches)


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        ("0", "--spread: '0' is not a whole number in 1..1000"),
        ("x", "--spread: 'x' is not"),
        ("1", "--spread: 20000 seeds of 2 scenarios in batches of 1 are more than 10000 batches"),
    ],
)
def test_a_number_that_makes_no_batches_is_refused(spread: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        batches_of(FILES, range(20_000), spread)


def test_what_batches_found_comes_in_the_order_of_batches(tmp_path: Path) -> None:
    batches = batches_of(FILES, range(3), "2")
    for batch in reversed(batches):
        leave(tmp_path, batch, *(one(batch.scenario.stem, seed) for seed in batch.seeds))
    assert [(r.scenario, r.seed) for r in gathered(tmp_path, batches)] == [
        ("links", 0),
        ("links", 1),
        ("disks", 0),
        ("disks", 1),
        ("links", 2),
        ("disks", 2),
    ]


@pytest.mark.parametrize(
    ("endings", "words"),
    [
        (["exit code 21: out of memory\n"], "exit code 21: out of memory$"),
        ([], "was not played$"),
    ],
)
def test_a_batch_without_results_is_named_after_all_others_were_read(
    tmp_path: Path, endings: list[str], words: str
) -> None:
    first, second = batches_of(FILES[:1], range(4), "2")
    (tmp_path / first.name).mkdir()
    for ending in endings:
        (tmp_path / first.name / spreading.ENDING).write_text(ending)
    leave(tmp_path, second, one("links", 2), one("links", 3))
    runs = gathered(tmp_path, [first, second])
    assert [next(runs).seed, next(runs).seed] == [2, 3]
    with pytest.raises(HostFaultError, match=f"^seeds 0 to 1 of links: {words}"):
        next(runs)


def test_results_of_other_seeds_are_refused(tmp_path: Path) -> None:
    (batch,) = batches_of(FILES[:1], range(2), "2")
    leave(tmp_path, batch, one("links", 0), one("links", 2))
    with pytest.raises(HostFaultError, match=r"seeds 0 to 1 of links: .* has other seeds"):
        list(gathered(tmp_path, [batch]))


def test_a_plan_says_how_each_batch_is_played(tmp_path: Path) -> None:
    arguments = [*map(str, FILES), "--seeds", "3", "--from", "7", "--engine", "reference"]
    assert simulate.main([*arguments, "--spread", "2", "--plan", str(tmp_path)]) == 0
    plan = json.loads((tmp_path / "batches.json").read_text())
    assert len(plan["batches"]) == 4
    assert plan["batches"][0] == {
        "name": "links-7-8",
        "scenario": "ci/links.toml",
        "arguments": ["--engine", "reference", "--seed=7", "--seed=8"],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--spread", "--minutes", "1"), "--minutes: does not go with --spread: how many seeds"),
        (("--spread", "--jobs", "2"), "--jobs: does not go with --spread: Pants decides"),
        (("--spread", "--coverage"), "--coverage: does not go with --spread: batches leave"),
        (("--spread", "--replay", "x"), "--replay: does not go with --spread: it plays one run"),
        (("--plan", "x"), "--plan: goes with --spread"),
        (("--gather", "x"), "--gather: goes with --spread"),
        (("--spread", "-1", "--plan", "x"), "--spread"),
        (("--spread",), "--spread: Pants plays the batches; start it by `./pants run`"),
    ],
)
def test_options_that_do_not_go_together_are_one_line_and_20(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    assert simulate.main([*map(str, FILES), "--out", str(tmp_path / "o"), *arguments]) == 20
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "o").exists()
