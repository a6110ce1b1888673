"""The engine that the os2vm program boots, its arguments, and the program's words about it."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.emulator.program_support import program
from nexus.harness import arguments, os2vm, plan_support
from nexus.harness.instruments import Instruments
from nexus.harness.plan import Plan

PLAN = plan_support.plan(labels="AB")
IMAGE = program("loop: j loop")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The arguments of each boot; no machine is made."""
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr("nexus.harness.virtual.boot", lambda *given: asked.append(given))
    monkeypatch.setattr("nexus.harness.qemu.boot", lambda *given: asked.append(("qemu", *given)))
    monkeypatch.delenv("PEX", raising=False)
    return asked


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name in ("blob", "translations"):
        (tmp_path / name).write_bytes(name.encode())
    return {name: str(tmp_path / name) for name in ("blob", "translations")}


def plan_of(*images: bytes) -> Plan:
    machines = zip(PLAN.machines, images, strict=True)
    return replace(PLAN, machines=tuple(replace(one, image=image) for one, image in machines))


def boot(*argv: str, plan: Plan | None = None) -> None:
    options = arguments.parse(["--world", "w.toml", *argv])
    os2vm.boot(plan or plan_of(IMAGE, IMAGE), options)


@pytest.mark.parametrize(
    ("argv", "processor", "engine", "code", "translations"),
    [
        ([], "x86_64", "reference", None, None),
        (["--engine", "reference"], "x86_64", "reference", None, None),
        (["--native-blob", "{blob}"], "x86_64", "native", b"blob", None),
        (["--native-blob", "{blob}"], "pdp11", "reference", b"blob", None),
        (
            ["--native-blob", "{blob}", "--translations", "{translations}"],
            "x86_64",
            "translated",
            b"blob",
            b"translations",
        ),
        (
            ["--native-blob", "{blob}", "--engine", "native"],
            "pdp11",
            "native",
            b"blob",
            None,
        ),
    ],
)
def test_the_engine_is_chosen_by_what_is_given(
    asked: list[tuple[object, ...]],
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    processor: str,
    engine: str,
    code: bytes | None,
    translations: bytes | None,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: processor)
    boot(*(word.format(**files) for word in argv))
    ((_, *given),) = asked
    assert given == [engine, code, translations, {}, None]


@pytest.mark.parametrize(
    ("argv", "processor", "said"),
    [
        (
            [],
            "x86_64",
            "os2vm: the slow reference interpreter runs: native code was not given; name it with"
            " --native-blob\n",
        ),
        (
            ["--native-blob", "{blob}"],
            "pdp11",
            "os2vm: the slow reference interpreter runs: native code is not for pdp11\n",
        ),
        (["--native-blob", "{blob}"], "x86_64", ""),
        (["--engine", "reference"], "x86_64", ""),
    ],
)
def test_a_slow_engine_that_was_not_asked_for_is_announced(
    asked: list[tuple[object, ...]],
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    processor: str,
    said: str,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: processor)
    boot(*(word.format(**files) for word in argv))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("engine", "is_found"), [("auto", True), ("native", True), ("reference", False)]
)
def test_an_interpreter_beside_the_program_is_for_engines_that_use_it(
    asked: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    engine: str,
    is_found: bool,
) -> None:
    (tmp_path / "native-interpreter.bin").write_bytes(b"beside")
    monkeypatch.setenv("PEX", str(tmp_path / "nexus.pex"))
    boot("--engine", engine)
    assert asked[0][2] == (b"beside" if is_found else None)


@pytest.mark.parametrize(
    ("argv", "covers", "every"),
    [(["--coverage"], True, None), (["--profile", "7"], False, 7)],
)
def test_machines_are_recorded_only_if_they_are_to_be(
    asked: list[tuple[object, ...]], argv: list[str], covers: bool, every: int | None
) -> None:
    boot(*argv)
    instruments = asked[0][5]
    assert isinstance(instruments, Instruments)
    assert (instruments.covers, instruments.profile_every) == (covers, every)


def test_debuggers_are_handed_on(asked: list[tuple[object, ...]]) -> None:
    boot("--gdb", "A=1234", "--gdb", "B=/tmp/b")
    assert asked[0][4] == {"A": "1234", "B": "/tmp/b"}


def test_an_image_that_needs_more_than_the_machine_has_is_named_once(
    asked: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "nexus.emulator.elf_needs.describe_needs",
        lambda image, cpu: f"needs {image.decode()} on {cpu}" if image != b"none" else None,
    )
    boot("--engine", "reference", plan=plan_of(b"more", b"more"))
    boot("--engine", "reference", plan=plan_of(b"none", b"none"))
    assert capsys.readouterr().err == "os2vm: note: --image system: needs more on rv64imac\n"


def test_qemu_gets_the_plan_and_ten_times_its_budgets(
    asked: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    boot("--engine", "qemu", plan=PLAN)
    assert asked == [("qemu", PLAN)]
    monkeypatch.setattr("nexus.harness.loading.load_plan", lambda options: PLAN)
    for engine, factor in (("qemu", 10), ("reference", 1)):
        plan = os2vm.load(arguments.parse(["--world", "w.toml", "--engine", engine]))
        assert plan.total_ns == factor * PLAN.total_ns


def test_a_wrong_command_line_is_one_line_without_a_control_character(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert os2vm.main(["--world", "w", "--lines", "x\x07"]) == 20
    assert capsys.readouterr().err == (
        "os2vm: bad-configuration: --lines: goes with --coverage or --profile\n"
    )


@pytest.mark.parametrize(("sandbox", "said"), [("/box", "w.toml"), ("", "/box/w.toml")])
def test_the_sandbox_is_the_one_that_pants_names(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sandbox: str,
    said: str,
) -> None:
    monkeypatch.setenv("NEXUS_SANDBOX", sandbox)
    assert os2vm.main(["--world", "/box/w.toml", "--out", str(tmp_path)]) == 20
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"os2vm: bad-configuration: {said}: ")
