"""A failing seed: replayed, shrunk and pinpointed, and replay files that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.campaign.campaign_scene import FAILING, IMAGE, NATIVE, ORACLE, SHORT, WORLD, run
from nexus.campaign.prepare import load_once
from nexus.cli.main import main as nexus
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, RUNS_HERE

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


def test_a_failure_is_replayed_shrunk_and_pinpointed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    own = ("--target", "here:storm")
    code, _ = run(tmp_path, FAILING, "--seed", "5", "--jobs", "1", *own, name="failing")
    assert code == 1
    said = capsys.readouterr().out
    assert "FAILED failing seed 5: three-lost machine B at" in said
    assert "./pants run here:storm -- --scenario failing --seed 5" in said
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
    assert "images.system: the run had" in refused("--image", f"system={other}")
    monkeypatch.setenv("NEXUS_COMMIT", "abd")
    assert "commit: the run was at abc, this folder is at abd" in refused()
    monkeypatch.setenv("NEXUS_COMMIT", "abc")
    written = file.read_text()
    for name, value, words in (
        ("without_faults", ["loss/A>B/9"], "without_faults: 'loss/A>B/9' is unknown; expected"),
        ("only", {"lost/A>B/0": [1]}, "did you mean 'loss/A>B/0'?"),
        ("times", {"loss/A>C/0": [1, 2]}, "times: 'loss/A>C/0' is unknown"),
        ("times", {"loss/A>B/0": [2, 1]}, "times.loss/A>B/0: 2, 1; expected an end behind"),
        ("without_machines", ["C"], "without_machines: 'C' is unknown; expected A, B"),
        ("without_machines", ["A", "B"], "machine: the list is empty; a run needs at least one"),
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
