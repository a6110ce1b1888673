"""Every command of the table exists, and a wrong one is one line."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from nexus.cli.main import COMMANDS, GROUPS, main, program
from nexus.config.config_cases import NODE_A
from nexus.core.version import VERSION


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_program(name: str) -> None:
    assert callable(program(name))


def test_a_command_gets_its_arguments_and_gives_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(NODE_A)
    assert main(["config", "check", str(tmp_path / "a.toml")]) == 0
    assert main(["config", "describe", str(tmp_path / "a.toml")]) == 0
    assert capsys.readouterr().out.startswith("node node-a")
    assert main(["config", "check", str(tmp_path / "none")]) == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["config", "chekc"],
            "'config chekc' is not a command; after 'config' expected blob, check",
        ),
        (["cofig"], "did you mean 'config'"),
        (["config", "chekc"], "did you mean 'config check'"),
        (["cofig", "check"], "did you mean 'config check'"),
        (["help", "stat"], "did you mean 'state'"),
        (["x"], "'x' is not a command; expected bus, completion, config, coverage, image, log,"),
        (["--versoin"], "did you mean '--version'?"),
        (["hlep"], "did you mean 'help'?"),
        (["x" * 9999], f"'{'x' * 60}…' is not a command"),
        (["vm", "x" * 9999], f"'vm {'x' * 57}…' is not a command; after 'vm' expected run"),
        (["a\nb"], r"'a\nb' is not a command"),
        (["\udcff"], r"'\udcff' is not a command"),
    ],
)
def test_an_unknown_command_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 20), (["--help"], 0), (["-h"], 0), (["help"], 0), (["help", "help"], 0)],
)
def test_help_lists_the_commands(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    shown = capsys.readouterr().out
    assert all(shown.count(f"  {name} ") == 1 for name in COMMANDS)


def test_the_commands_are_listed_in_their_order() -> None:
    assert list(COMMANDS) == sorted(COMMANDS)


@pytest.mark.parametrize("option", ["--version", "-V", "version"])
def test_the_version_is_one_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out == f"nexus {VERSION}\n"


def test_the_release_has_the_version_of_the_command() -> None:
    text = Path("BUILD").read_text(encoding="utf-8")
    assert re.findall(r'^    version="(.*)",$', text, re.MULTILINE) == [VERSION]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_that_can_be_started_is_guarded(name: str) -> None:
    source = inspect.getsource(sys.modules[program(name).__module__])
    assert ('__name__ == "__main__"' in source) == ("    run_program(main" in source)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_names_it_as_it_is_typed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", *name.split()])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: nexus {name}")


def test_the_groups_are_the_first_words_of_commands() -> None:
    assert sorted(GROUPS) == ["bus", "config", "coverage", "image", "pkg", "state", "vm", "world"]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("more", "code"), [([], 20), (["--help"], 0), (["-h"], 0), (["help"], 0)])
def test_a_group_lists_its_commands_and_no_others(
    group: str, more: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([group, *more]) == code
    shown = capsys.readouterr()
    listed = [line for line in shown.out.splitlines() if line.startswith("  ")]
    mine = [name for name in COMMANDS if name.startswith(f"{group} ")]
    assert len(listed) == len(mine)
    assert all(line.startswith(f"  {name} ") for line, name in zip(listed, mine, strict=True))
    assert shown.err == ""


def test_a_wrong_word_of_a_group_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state", "gte"]) == 20
    assert "did you mean 'state get'" in capsys.readouterr().err
