"""Completion in the shells themselves, and the manual: both know every command and option."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from nexus.cli.completion import script
from nexus.cli.describing import describe_all
from nexus.cli.main import COMMANDS
from nexus.cli.manual import escape, page

# (words before the cursor, the word at it, some of what is offered, what is not)
CASES = [
    ([], "os", ["os2vm"], ["state"]),
    (["config"], "", ["check", "schema"], ["ls"]),
    (["config", "schema"], "", ["node", "world"], ["--help"]),
    (["os2vm"], "--e", ["--engine", "--expect-outcome"], ["auto"]),
    (["os2vm", "--engine"], "", ["auto", "native", "qemu"], ["--engine"]),
    (["os2vm", "--plain", "--until"], "s", ["session"], ["auto"]),
    (["vm", "run", "--trace"], "", ["instructions", "traps"], ["--trace"]),
    (["log", "node-b", "--level"], "w", ["warn"], ["--level"]),
    (["state", "fsck"], "--re", ["--repair"], ["--values"]),
    (["completion"], "", ["bash", "zsh", "fish"], []),
    (["help"], "", ["os2vm", "vm"], ["help", "--version"]),
    (["vm", "run", "--cpu"], "", ["rv64gc", "rv64imac"], []),
    (["world", "replay", "--engine"], "", ["auto", "native"], ["qemu"]),
]


def ask(shell: str, words: Sequence[str], word: str) -> list[str]:
    given = " ".join(["nexus", *words])
    programs = {
        "bash": f'COMP_WORDS=({given} "{word}"); COMP_CWORD={len(words) + 1}; _nexus;'
        ' printf "%s\\n" "${COMPREPLY[@]}"',
        # Outside of the line editor there is no compadd; this one offers what begins as the word.
        "zsh": f'compadd() {{ shift; print -rl -- "${{(M)@:#$PREFIX*}}" }}; _files() {{ : }};'
        " compset() { PREFIX=${PREFIX#*=} };"
        f' words=({given} "{word}"); CURRENT={len(words) + 2}; PREFIX="{word}"; _nexus',
        "fish": f'complete -C "{given} {word}"',
    }
    text = script(shell).replace("else compdef _nexus nexus; fi", "fi")
    done = subprocess.run(
        [shell, *(["-f"] if shell == "zsh" else []), "-c", text + programs[shell]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.split("\n")]


def need(program: str) -> None:
    """Skip a test on a machine without this program."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("words", "word", "offered", "not_offered"), CASES)
def test_what_a_shell_offers(
    shell: str, words: list[str], word: str, offered: list[str], not_offered: list[str]
) -> None:
    need(shell)
    found = ask(shell, words, word)
    assert set(offered) <= set(found)
    assert not set(not_offered) & set(found)


@pytest.mark.parametrize(
    ("shell", "words", "word", "offered"),
    [
        ("bash", ["os2vm", "--engine"], "=", ["auto", "native", "qemu", "reference", "translated"]),
        ("bash", ["os2vm", "--engine", "="], "na", ["native"]),
        ("zsh", ["os2vm"], "--engine=na", ["native"]),
        ("fish", ["os2vm"], "--engine=na", ["--engine=native"]),
        ("fish", ["vm", "run"], "-ker", ["-kernel"]),
    ],
)
def test_an_option_and_its_value_in_one_word(
    shell: str, words: list[str], word: str, offered: list[str]
) -> None:
    need(shell)
    assert sorted(filter(None, ask(shell, words, word))) == offered


def test_a_file_with_a_space_or_a_star_is_one_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("my world.toml", "my*.toml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert sorted(ask("bash", ["config", "check"], "my")) == ["", "my world.toml", "my*.toml"]


def test_every_command_and_argument_is_described() -> None:
    scripts = [script(shell) for shell in ("bash", "zsh", "fish")]
    commands = describe_all()
    assert [command.name for command in commands] == sorted(COMMANDS)
    for command in commands:
        assert command.usage.startswith(f"nexus {command.name}"), command.usage
        assert all(argument.text for argument in command.arguments), command.name
        assert all(command.name.split()[-1] in text for text in scripts)


def test_the_manual_knows_every_command_and_option() -> None:
    text = page()
    assert text == page()
    for command in describe_all():
        assert f".SS nexus {escape(command.name)}\n" in text
        for option in command.options:
            assert all(escape(name) in text for name in option.names)


def test_the_manual_is_a_page() -> None:
    need("man")
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-"],
        input=page().encode(),
        capture_output=True,
        check=True,
        env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert b"nexus os2vm" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("text", "written"),
    [("a-b", "a\\-b"), (".x\n'y", "\\&.x\n\\&'y"), ("\\n", "\\en")],
)
def test_what_roff_would_act_on_is_escaped(text: str, written: str) -> None:
    assert escape(text) == written
