"""Campaigns of the real guest: one seed, one run; what fails is replayed, shrunk and pinpointed.

Needs the packaged images and the compiled interpreter, which Pants puts beside the test (see
BUILD).  Each claim about processes is tried with processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from nexus.campaign import simulate
from nexus.campaign.prepare import load_once
from nexus.cli.main import main as nexus
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, INTERPRETER, RUNS_HERE

IMAGE: Final = Path("src.guest/system.elf").resolve()
PACKAGES: Final = Path("testprojects.packages/packages.img").resolve()
WORLD: Final = Path("ci/os2vm.toml").resolve()
LINES: Final = Path("src.guest/lines.json").resolve()
NATIVE: Final = Path(INTERPRETER).resolve()
TRANSLATIONS: Final = Path("ci/kernel_translations.translations").resolve()

IMAGES: Final = ("--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}")

# Short: the reference interpreter has to do it, too.
SHORT: Final = f"""\
world = "{WORLD}"
text = "a boot on a bad network"
[budget]
faults_from_ms = 10
heal_ms = 36
run_ms = 40
[[fault]]
kind = "loss"
chance = "1"
most = "1/4"
may_idle = true
[[fault]]
kind = "reorder"
chance = "1"
most = "1/2"
may_idle = true
[[fault]]
kind = "pause"
chance = "1"
length_ms = [1, 3]
may_idle = true
"""

# A rule that a run breaks when B has lost three frames, and faults that have nothing to do with it.
FAILING: Final = f"""\
world = "{WORLD}"
text = "an oracle that counts"
oracles = ["oracle.py"]
[budget]
faults_from_ms = 12
heal_ms = 290
run_ms = 300
[[fault]]
kind = "loss"
at = ["A>B"]
chance = "1"
most = "1"
[[fault]]
kind = "corrupt"
at = ["B>A"]
chance = "1"
may_idle = true
[[fault]]
kind = "delay"
chance = "1"
length_ms = [10, 20]
amount = [100, 500]
count = 4
may_idle = true
"""

ORACLE: Final = """\
from nexus.campaign.judging import Violation

def check(observation):
    lost = [frame for frame in observation.frames if "loss" in frame.fates]
    if len(lost) >= 3:
        yield Violation("three-lost", "B", lost[2].sent_ns, "three frames were lost")
"""

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def run(folder: Path, text: str, *more: str, name: str = "short") -> tuple[int, dict[str, Any]]:
    """Run a campaign; its exit code, and what results.json says without the host's part."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    (folder / "oracle.py").write_text(ORACLE)
    out = folder / "out"
    code = simulate.main(
        [str(path), *IMAGES, "--native-blob", str(NATIVE), "--out", str(out), *more]
    )
    results = json.loads((out / "results.json").read_text())
    del results["wall"]
    return code, results


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
            *("--seed", "3", "--jobs", "1", "--out", str(out)),
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


def test_a_failure_is_replayed_shrunk_and_pinpointed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    code, _ = run(tmp_path, FAILING, "--seed", "5", "--jobs", "1", name="failing")
    assert code == 1
    said = capsys.readouterr().out
    assert "FAILED failing seed 5: three-lost machine B at" in said
    assert "./pants run ci:simulate -- --scenario failing --seed 5" in said
    assert "three frames were lost" in (tmp_path / "out" / "report.html").read_text()
    file = tmp_path / "out" / "failing-5.replay.json"
    assert len(file.read_bytes()) < 2048

    native = ("--native-blob", str(NATIVE))
    left = tmp_path / "left"
    assert nexus(["world", "replay", str(file), *native, "--out", str(left)]) == 0
    assert "the same run" in capsys.readouterr().out
    assert nexus(["world", "timeline", str(left)]) == 0
    assert "three-lost" in capsys.readouterr().out

    assert nexus(["world", "shrink", str(file), *native]) == 0
    assert "to 3 faults, " in capsys.readouterr().out
    small = tmp_path / "out" / "failing-5.shrunk.replay.json"
    assert nexus(["world", "replay", str(small), *native]) == 0
    story = capsys.readouterr().out
    assert "fault loss/A>B/0" in story
    assert "corrupt" not in story

    assert nexus(["world", "pinpoint", str(small), *native, "--futures", "2"]) == 0
    assert "inevitable" in capsys.readouterr().out


def test_a_replay_of_something_else_is_one_line_and_20(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    run(tmp_path, FAILING, "--seed", "5", "--jobs", "1", name="failing")
    file = tmp_path / "out" / "failing-5.replay.json"
    capsys.readouterr()

    def refused(*more: str) -> str:
        command = ["world", "replay", str(file), "--native-blob", str(NATIVE), *more]
        assert nexus(command) == 20
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        return shown.err

    other = tmp_path / "other.elf"
    other.write_bytes(IMAGE.read_bytes() + b"\0")
    assert "images.system: it is of" in refused("--image", f"system={other}")
    monkeypatch.setenv("NEXUS_COMMIT", "abd")
    assert "commit: it is of abc, this is abd" in refused()
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    written = file.read_text()
    for name, value, words in (
        ("without_faults", ["loss/A>B/9"], "without_faults: 'loss/A>B/9' is unknown; expected"),
        ("only", {"lost/A>B/0": [1]}, "did you mean 'loss/A>B/0'?"),
        ("times", {"loss/A>C/0": [1, 2]}, "times: 'loss/A>C/0' is unknown"),
        ("times", {"loss/A>B/0": [2, 1]}, "times.loss/A>B/0: 2, 1; expected an end behind"),
        ("without_machines", ["C"], "without_machines: 'C' is unknown; expected A, B"),
        ("without_machines", ["A", "B"], "machine: none; a run needs at least one"),
        ("without_steps", [1], "without_steps: '1' is unknown; expected nothing"),
    ):
        file.write_text(json.dumps({**json.loads(written), name: value}))
        assert words in refused(), name
    file.write_text(written)
    (tmp_path / "oracle.py").write_text(ORACLE + "\n")
    assert "has changed since" in refused()
    (tmp_path / "oracle.py").write_text(ORACLE)
    (tmp_path / "failing.toml").unlink()
    assert "is not there; run the command in the folder" in refused()


def copied_world(folder: Path) -> Path:
    """A copy of the world, to be changed."""
    for path in WORLD.parent.glob("*.toml"):
        (folder / path.name).write_text(path.read_text())
    return folder / WORLD.name


def test_a_replay_of_another_world_or_node_is_one_line_and_20(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    world = copied_world(tmp_path)
    run(tmp_path, FAILING.replace(str(WORLD), str(world)), "--seed", "5", name="failing")
    command = ["world", "replay", str(tmp_path / "out" / "failing-5.replay.json")]
    for path, was, becomes in (
        (world, "delay_us = 500", "delay_us = 600"),
        (world.with_name("node-b.toml"), "[dsoftbus]", "[dsoftbus]\nannounce_interval_ms = 777"),
    ):
        text = path.read_text()
        assert text.count(was) == 1, path
        path.write_text(text.replace(was, becomes))
        load_once.cache_clear()  # Another process has read nothing yet.
        capsys.readouterr()
        assert nexus([*command, "--native-blob", str(NATIVE)]) == 20, path
        shown = capsys.readouterr()
        assert "has changed since, or its world, a node or an oracle" in shown.err
        assert shown.err.count("\n") == 1
        path.write_text(text)
    load_once.cache_clear()
    assert nexus([*command, "--native-blob", str(NATIVE)]) == 0


def test_a_machine_that_alone_was_to_print_something_can_be_shrunk_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    world = copied_world(tmp_path)
    expected = '[[expect]]\nmachine = "B"\nphase = "launch"\nmarker = "init: ready"\n'
    world.write_text(world.read_text().partition("[[expect]]")[0] + expected)
    oracle = (
        "from nexus.campaign.judging import Violation\n"
        "def check(observation):\n"
        "    for line in observation.lines:\n"
        '        if (line.machine, line.text) == ("A", "init: ready"):\n'
        '            yield Violation("ready", "A", line.ns, "it is ready")\n'
    )
    (tmp_path / "ready.py").write_text(oracle)
    text = f'world = "{world}"\noracles = ["ready.py"]\n' + SHORT.partition("[[fault]]")[0].replace(
        f'world = "{WORLD}"\n', ""
    )
    code, _ = run(tmp_path, text, "--seed", "1", name="ready")
    assert code == 1
    capsys.readouterr()
    file = tmp_path / "out" / "ready-1.replay.json"
    assert nexus(["world", "shrink", str(file), "--native-blob", str(NATIVE)]) == 0
    assert "to 0 faults, 1 machines, 0 steps, " in capsys.readouterr().out


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
