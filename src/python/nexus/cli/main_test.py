"""Every command of the table exists, and a wrong one is one line."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from nexus.cli.main import COMMANDS, main
from nexus.config.config_fake import NODE_A


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_program(name: str) -> None:
    assert callable(import_module(COMMANDS[name][0]).main)


def test_a_command_gets_its_arguments_and_gives_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(NODE_A)
    assert main(["config", "check", str(tmp_path / "a.toml")]) == 0
    assert main(["config", "explain", str(tmp_path / "a.toml")]) == 0
    assert capsys.readouterr().out.startswith("node node-a")
    assert main(["config", "check", str(tmp_path / "none")]) == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["config", "chekc"], "did you mean 'config check'"), (["x"], "'x' is no command")],
)
def test_an_unknown_command_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main([]) == 20
    shown = capsys.readouterr().out
    assert all(shown.count(f"  {name} ") == 2 for name in COMMANDS)
