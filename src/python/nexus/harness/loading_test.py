"""Plans from files: what is given arrives, and each mistake is named with file and value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.config.config_cases import write_world
from nexus.core.errors import NexusError
from nexus.core.randomness import Ratio
from nexus.harness import arguments, os2vm
from nexus.harness.loading import load_plan
from nexus.harness.phase import Phase
from nexus.harness.plan import Plan
from nexus.image.elf_cases import fake_elf
from nexus.scene.guest import DrivePlan
from nexus.simulation.link import Cut

SMALL_NODE = """\
[node]
id = "node-a"
mac = "52:54:00:12:34:0a"
image = "system"
start = ["logd"]
"""

DRIVES = """\
[packages]
image = "packages"
[state]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_world(tmp_path)
    (tmp_path / "system.elf").write_bytes(fake_elf(b"first image"))
    (tmp_path / "other.elf").write_bytes(fake_elf(b"second image"))
    (tmp_path / "text.elf").write_text("an image? no: a text that is longer than an ELF header is")
    (tmp_path / "node.toml").write_text(SMALL_NODE)
    return tmp_path


def _images(folder: Path) -> list[str]:
    return [f"--image=system={folder}/system.elf", f"--image=other={folder}/other.elf"]


def _load(*argv: str) -> Plan:
    return load_plan(arguments.parse(argv))


def test_settings_go_over_the_files(folder: Path) -> None:
    given = ["--set", "B:node.ram_mib=128", "--set", "link.loss='0'", "--set", "seed=8"]
    plan = _load("--world", f"{folder}/world.toml", *_images(folder), *given)
    assert [machine.ram_bytes >> 20 for machine in plan.machines] == [64, 128]
    assert (plan.seed, plan.link.loss) == (8, Ratio(0, 1))
    node = ["--node", f"{folder}/node.toml", "--expect", "x", "--set", "node.ram_mib=32"]
    one = _load(*node, *_images(folder)[:1])
    assert one.machines[0].ram_bytes == 32 << 20


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("node", "--set: expected KEY=VALUE in TOML"),
        ("C:node.ram_mib=64", "--set: 'C' is an unknown machine; expected A, B"),
        ("A:node.ram_mib=6", "--set: A:node.ram_mib: 6; expected 16..2048"),
    ],
)
def test_a_bad_setting_is_told(folder: Path, setting: str, said: str) -> None:
    with pytest.raises(NexusError, match=said):
        _load("--world", f"{folder}/world.toml", *_images(folder), "--set", setting)


def test_world_becomes_a_plan(folder: Path) -> None:
    plan = _load("--world", f"{folder}/world.toml", *_images(folder))
    assert (plan.name, plan.seed, plan.labels) == ("world", 7, ("A", "B"))
    first, second = plan.machines
    assert (first.image, second.image) == (fake_elf(b"first image"), fake_elf(b"second image"))
    assert first.mac == bytes.fromhex("52540012340a")
    assert first.config[:4] == second.config[:4] == b"NXCF"
    assert first.ram_bytes == 64 << 20
    assert (plan.link.delay_ns, plan.link.loss) == (200_000, Ratio(1, 50))
    assert plan.forbidden == ("kernel: panic",)
    marker, pattern = plan.due
    assert (marker.machine, marker.phase, marker.text) == ("A", Phase.LAUNCH, "init: ready")
    assert pattern.matches("dsoftbusd: cross-vm session ok node-a")
    assert plan.budget_ns(Phase.REMOTE) == 10_000_000_000


def test_cut_between_two_machines_is_no_cut_of_others(folder: Path) -> None:
    setting = "link.cut=[{start_ms=1, end_ms=2}, {start_ms=3, end_ms=4, between=['A', 'B']}]"
    plan = _load("--world", f"{folder}/world.toml", *_images(folder), "--set", setting)

    assert plan.link.cuts == (Cut(1_000_000, 2_000_000),)
    assert sorted(plan.paths) == [("A", "B"), ("B", "A")]
    for path in plan.paths.values():
        assert path.cuts == (*plan.link.cuts, Cut(3_000_000, 4_000_000))
        assert path.loss == plan.link.loss


def test_command_line_goes_before_the_world(folder: Path) -> None:
    more = ["--seed", "9", "--budget-ms", "50", "--forbid", "moon", "--until", "launch"]
    plan = _load("--world", f"{folder}/world.toml", *_images(folder), *more)
    assert (plan.seed, plan.total_ns, plan.until) == (9, 50_000_000, Phase.LAUNCH)
    assert plan.forbidden == ("kernel: panic", "moon")
    assert len(plan.due) == 1


def test_node_becomes_a_world_of_one(folder: Path) -> None:
    expect = ["--expect", "init: ready", "SELFTEST: end"]
    plan = _load("--node", f"{folder}/node.toml", *_images(folder)[:1], *expect)
    assert plan.labels == ("A",)
    assert [(e.phase, e.text) for e in plan.due] == [
        (Phase.LAUNCH, "init: ready"),
        (Phase.END, "SELFTEST: end"),
    ]


def test_same_image_is_booted_whatever_the_configuration(folder: Path) -> None:
    """The digests in the summary rest on this: one set of images, many configurations."""
    world = (folder / "world.toml").read_text().replace('image = "other"', 'image = "system"')
    (folder / "world.toml").write_text(world)
    first, second = _load("--world", f"{folder}/world.toml", *_images(folder)[:1]).machines
    assert first.image is second.image
    assert first.config != second.config


def _load_drives(folder: Path, state: str, *more: str) -> Plan:
    text = SMALL_NODE.replace('"logd"', '"statefsd", "packagefsd"') + DRIVES + state
    (folder / "node.toml").write_text(text)
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", *_images(folder)[:1], *more]
    return _load(*argv)


def test_drives_have_their_slots_and_whole_sectors(folder: Path) -> None:
    (folder / "packages.img").write_bytes(b"p" * 513)
    packages = f"--image=packages={folder}/packages.img"
    drives = _load_drives(folder, "disk_kib = 8", packages).machines[0].drives
    assert drives == (
        DrivePlan(2, bytes(8192), is_read_only=False),
        DrivePlan(3, b"p" * 513 + bytes(511), is_read_only=True),
    )


def test_a_state_drive_may_be_given(folder: Path) -> None:
    (folder / "both.img").write_bytes(b"d" * 512)
    both = [f"--image={name}={folder}/both.img" for name in ("packages", "old")]
    drives = _load_drives(folder, 'disk = "old"', *both).machines[0].drives
    assert [drive.content for drive in drives] == [b"d" * 512] * 2


def test_an_image_may_be_booted_and_be_a_drive(folder: Path) -> None:
    machine = _load_drives(folder, 'disk = "system"', f"--image=packages={folder}/text.elf")
    (plan,) = machine.machines
    assert plan.image == fake_elf(b"first image")
    assert plan.drives[0].content == plan.image + bytes(-len(plan.image) % 512)


@pytest.mark.parametrize(
    ("state", "file", "text"),
    [
        ("disk_kib = 8", None, "machine A: packages: 'packages' was not given"),
        ("disk_kib = 8", "/dev/null", "/dev/null is empty"),
        ("disk_kib = 8", "/dev/zero", "/dev/zero is larger than 134217728 bytes"),
        ('disk = "old"', "node.toml", "machine A: state: 'old' was not given"),
        ("", "node.toml", "state: expected exactly one of disk_kib and disk"),
        ('disk_kib = 8\ndisk = "old"', "node.toml", "state: expected exactly one of"),
        ("disk_kib = 1", "node.toml", "state.disk_kib: 1; expected 4..65536"),
    ],
)
def test_mistaken_drives_are_named(folder: Path, state: str, file: str | None, text: str) -> None:
    more = [f"--image=packages={folder / file}"] if file else []
    with pytest.raises(NexusError) as caught:
        _load_drives(folder, state, *more)
    assert text in str(caught.value)


def test_a_drive_without_its_service_is_refused(folder: Path) -> None:
    (folder / "node.toml").write_text(SMALL_NODE + DRIVES + "disk_kib = 8")
    with pytest.raises(NexusError) as caught:
        _load("--node", f"{folder}/node.toml", "--expect", "x", *_images(folder)[:1])
    for line in ("packages: is for 'packagefsd'", "state: is for 'statefsd'"):
        assert line in str(caught.value)


def _mistakes() -> dict[str, tuple[list[str], str]]:
    world, node = ["--world", "{0}/world.toml"], ["--node", "{0}/node.toml", "--expect", "x"]
    system, other = "--image=system={0}/system.elf", "--image=other={0}/other.elf"
    return {
        "no such world": (["--world", "{0}/none.toml", system], "none.toml"),
        "no such node": (["--node", "{0}/none.toml", "--expect", "x", system], "none.toml"),
        "image not given": ([*world, system], "machine B: image: 'other' was not given"),
        "image mistyped": ([*node, "--image=sistem={0}/system.elf"], "did you mean 'sistem'"),
        "image missing": ([*node, "--image=system={0}/none.elf"], "none.elf: No such file"),
        "image is a folder": ([*node, "--image=system={0}"], "Is a directory"),
        "image is empty": ([*node, "--image=system=/dev/null"], "/dev/null is empty"),
        "image unused": ([*node, system, other], "'other' is used by no machine"),
        "world unused": ([*world, system, other, "--image=m={0}/x"], "'m' is used by no machine"),
        "nothing expected": (["--node", "{0}/node.toml", system], "expects nothing proves nothing"),
        "image is not an ELF": ([*node, "--image=system={0}/text.elf"], "text.elf: kernel image: "),
        "image without end": ([*node, "--image=system=/dev/zero"], "/dev/zero is larger than"),
        "file without end": (["--node", "/dev/zero", "--expect", "x", system], "larger than"),
        "native code missing": (
            [*node, system, "--engine", "native", "--native-blob", "{0}/none"],
            "--native-blob: cannot read",
        ),
        "native code is none": (
            [*node, system, "--engine", "native", "--native-blob", "{0}/node.toml"],
            "machine A: native blob: ",
        ),
        "world as node": (["--node", "{0}/world.toml", "--expect", "x"], "give it with --world"),
        "node as world": (["--world", "{0}/node.toml"], "give it with --node"),
    }


@pytest.mark.parametrize(("argv", "text"), _mistakes().values(), ids=_mistakes().keys())
def test_mistake_is_named_and_ends_with_20(
    folder: Path, argv: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [argument.format(folder) for argument in argv]
    assert os2vm.main([*given, "--out", f"{folder}/out"]) == 20
    printed = "".join(capsys.readouterr())
    assert text in printed
    assert "Traceback" not in printed
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert text in summary["deterministic"]["message"]
    expected = ["--expect-outcome", "bad-configuration", "--out", f"{folder}/out"]
    assert os2vm.main([*given, *expected]) == 0


def test_value_out_of_range_in_a_node_is_named(folder: Path) -> None:
    path = folder / "node-a.toml"
    path.write_text(path.read_text().replace("port = 34568", "port = 99999"))
    with pytest.raises(NexusError, match=r"node-a\.toml:\d+: dsoftbus\.peer.*port.*99999"):
        _load("--world", f"{folder}/world.toml", *_images(folder))


@pytest.mark.parametrize("engine", ["qemu", "native"])
def test_engine_that_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", "--engine", engine]
    assert os2vm.main([*argv, *_images(folder)[:1], "--out", f"{folder}/out"]) == 22
    result = (folder / "out" / "result.txt").read_text()
    assert result.startswith("engine-unavailable: ")
    assert result.count("\n") == 1


def test_each_of_several_mistakes_has_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SMALL_NODE.replace("mac", "makk").replace("start", "begin")
    (folder / "node.toml").write_text(text)
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", *_images(folder)[:1]]
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) == 20
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith(f"os2vm: bad-configuration: {folder}/node.toml") for line in lines)
    assert (folder / "out" / "result.txt").read_text().count("\n") == 1


def test_the_summary_names_what_was_set_and_tells_no_value(folder: Path) -> None:
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", *_images(folder)[:1]]
    argv += ["--set", "node.ram_mib=6", "--set", 'node.image="concealed"']
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) == 20
    text = (folder / "out" / "summary.json").read_text()
    assert json.loads(text)["deterministic"]["settings"] == ["node.ram_mib", "node.image"]
    assert "concealed" not in text


def test_a_release_finds_the_interpreter_beside_its_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", *_images(folder)[:1]]
    monkeypatch.setenv("PEX", f"{folder}/nexus.pex")
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) != 22
    assert "native code was not given; name it with --native-blob" in capsys.readouterr().err
    (folder / "native-interpreter.bin").write_bytes(b"")
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) == 20
    assert f"{folder}/native-interpreter.bin is empty" in capsys.readouterr().err
    assert os2vm.main([*argv, "--engine", "reference", "--out", f"{folder}/out"]) != 20


def test_no_message_names_a_sandbox(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXUS_SANDBOX", str(folder))
    argv = ["--node", f"{folder}/node.toml", "--expect", "x", f"--image=system={folder}/none.elf"]
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) == 20
    assert "--image system: cannot read none.elf: " in capsys.readouterr().err
    (folder / "node.toml").write_text("seed = true\n[node]\n")
    assert os2vm.main([*argv, "--out", f"{folder}/out"]) == 20
    printed = capsys.readouterr().err
    assert "bad-configuration: node.toml:1: seed: unknown key" in printed
    assert str(folder) not in printed
