"""Campaigns of the real guest: one seed, one run, in every process and on every engine.

Needs the packaged images and the compiled interpreter, which Pants puts beside the test (see
BUILD).  Each claim about processes is tried with processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.campaign import simulate
from nexus.campaign.campaign_scene import FAILING, IMAGES, LINES, NATIVE, SHORT, TRANSLATIONS, run
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, RUNS_HERE

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def test_a_seed_is_one_run_in_every_process_and_on_every_engine(tmp_path: Path) -> None:
    code, expected = run(tmp_path, SHORT, "--seed", "3", "--jobs", "1")
    assert code == 0
    for hash_seed, engine in (("1", "native"), ("2", "reference"), ("3", "translated")):
        out = tmp_path / engine
        command = [
            sys.executable,
            "-m",
            "nexus.campaign.simulate",
            str(tmp_path / "short.toml"),
            *IMAGES,
            "--native-blob",
            str(NATIVE),
            "--engine",
            engine,
            "--seed",
            "3",
            "--jobs",
            "1",
            "--out",
            str(out),
            *(("--translations", str(TRANSLATIONS)) if engine == "translated" else ()),
        ]
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        subprocess.run(command, check=True, env=environment, timeout=200)
        results = json.loads((out / "results.json").read_text())
        del results["wall"]
        assert results == expected, engine
    assert expected["runs"][0]["happened"]


def test_how_many_processes_run_it_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = run(tmp_path, SHORT, "--seeds", "4", "--jobs", "1")
    assert "simulate: short: 4 runs, 0 failed, 0 virtual s, faults: " in capsys.readouterr().out
    two = run(tmp_path, SHORT, "--seeds", "4", "--jobs", "2")
    assert one == two
    assert len({result["digest"] for result in one[1]["runs"]}) == 4


def test_batches_put_together_are_the_same_campaign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spread = ("--seeds", "4", "--spread", "3")
    scenario = str(tmp_path / "failing.toml")
    code, whole = run(tmp_path, FAILING, "--seeds", "4", "--jobs", "2", name="failing")
    native = (*IMAGES, "--native-blob", str(NATIVE))
    assert simulate.main([scenario, *spread, "--plan", str(tmp_path / "plan")]) == 0
    plan = json.loads((tmp_path / "plan" / "batches.json").read_text())
    for batch in plan["batches"]:
        out = ("--jobs", "1", "--out", str(tmp_path / "batches" / batch["name"]))
        simulate.main([batch["scenario"], *native, *batch["arguments"], *out])
    capsys.readouterr()
    gather = ("--gather", str(tmp_path / "batches"))
    assert run(tmp_path, FAILING, *spread, *gather, name="failing") == (code, whole)
    failed = [r["seed"] for r in whole["runs"] if r["violations"]]
    assert failed
    said = capsys.readouterr().out
    assert [f"FAILED failing seed {seed}: " in said for seed in failed] == [True] * len(failed)
    assert (tmp_path / "out" / f"failing-{failed[0]}.replay.json").exists()

    for results in (tmp_path / "batches").glob("*/results.json"):
        text = results.read_text()
        results.write_text(text.replace(whole["runs"][failed[0]]["digest"], "0" * 64))
    assert run(tmp_path, FAILING, *spread, *gather, name="failing")[0] == 21
    assert f"failing seed {failed[0]}: this machine gives another run" in capsys.readouterr().err


def test_coverage_is_added_up_over_seeds_and_changes_no_run(tmp_path: Path) -> None:
    recorded = ("--coverage", "--lines", str(LINES))
    plain = run(tmp_path, SHORT, "--seeds", "2", "--jobs", "1")
    assert run(tmp_path, SHORT, "--seeds", "2", "--jobs", "1", *recorded) == plain
    out = tmp_path / "out"
    names = ("coverage.json", "coverage.info", "coverage/index.html", "report.html")
    one = {name: (out / name).read_text() for name in names}
    assert run(tmp_path, SHORT, "--seeds", "2", "--jobs", "2", *recorded) == plain
    for name in names[:-1]:  # The last one has the wall time.
        assert (out / name).read_text() == one[name], name
    assert json.loads(one["coverage.json"])["runs"] == 2
    assert "SF:src/guest/kernel/main.zig" in one["coverage.info"]
    assert "BRDA:" in one["coverage.info"]
    assert 'href="coverage/index.html"' in one["report.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seeds", "0"), "--seeds: '0' is not a whole number in 1.."),
        (("--scenario", "shrt"), "did you mean 'short'?"),
        (("--seed", "1", "--minutes", "1"), "not allowed with"),
        (("--engine", "fast"), "--engine: 'fast' is unknown"),
        (("--lines", "x"), "--lines: goes with --coverage"),
        (("--coverage", "--replay", "x"), "--coverage: goes with seeds, not with --replay"),
        (("--coverage", "--lines", "x"), "cannot read x"),
        (("--from", "x"), "--from: 'x' is not a whole number"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_20(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    command = [str(path), *IMAGES, "--native-blob", str(NATIVE), "--out", str(tmp_path / "o")]
    assert simulate.main([*command, *arguments]) == 20
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "o").exists()
