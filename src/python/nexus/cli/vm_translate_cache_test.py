"""The folder of translations that a run has by itself, and the program that fills it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nexus.cli import vm_translate_cache
from nexus.cli.vm_arguments import Options, parse
from nexus.cli.vm_translate_cache import (
    Translator,
    default_folder,
    find_translator,
    start_translator,
)
from nexus.core.errors import UsageError
from nexus.emulator.io.translation_cache import TranslationCache

PAGE = bytes(4096)
# Slices of a long run: more than any bound.
MANY = 10_000


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PEX", raising=False)
    monkeypatch.setattr(vm_translate_cache, "_LLVM", "no_such_compiler")
    monkeypatch.setattr("nexus.emulator.native.processor.machine_name", lambda: "x86_64")


def options(*more: str) -> Options:
    return parse(["--kernel", "k.elf", "--native-blob", "b", *more])


def test_without_a_compiler_and_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    assert default_folder() is None
    assert options().translate_cache is None
    assert list(tmp_path.iterdir()) == [], "a question leaves nothing behind"


def test_what_somebody_translated_is_used_without_a_compiler(tmp_path: Path) -> None:
    folder = tmp_path / ".cache/nexus/translations"
    folder.mkdir(parents=True)
    assert options().translate_cache == folder
    assert not options().is_translate_cache_asked


def test_a_compiler_of_this_python_translates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vm_translate_cache, "_is_importable", lambda name: bool(name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert options().translate_cache == tmp_path / "caches/nexus/translations"
    found = find_translator()
    assert found is not None
    assert found.command[1:] == ("-m", "nexus.emulator.native.translate_hot")


def test_a_compiler_beside_the_program_translates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEX", str(tmp_path / "nexus.pex"))
    (tmp_path / "compilers.pex").touch()
    assert find_translator() is None, "the release's own has no LLVM"
    monkeypatch.setattr(vm_translate_cache, "_is_importable", lambda name: not name)
    monkeypatch.setattr(vm_translate_cache, "_LLVM", "json")
    monkeypatch.setattr(vm_translate_cache, "_folders_of_packages", lambda: [json_folder()])
    found = find_translator()
    assert found is not None
    assert found.command[1:] == (str(tmp_path / "compilers.pex"),)
    assert found.environment["PEX_EXTRA_SYS_PATH"] == json_folder()
    (tmp_path / "translate.pex").touch()
    found = find_translator()
    assert found is not None
    assert found.command[1:] == (str(tmp_path / "translate.pex"),)


def json_folder() -> str:
    """Return the folder of the standard library, which stands for a folder of packages."""
    import json

    return str(Path(json.__file__).parent.parent)


@pytest.mark.parametrize(
    "more",
    [
        ("--no-translate-cache",),
        ("--engine", "native"),
        ("--translations", "t"),
        ("--trace", "traps"),
        ("--gdb", "0"),
    ],
)
def test_a_run_that_chooses_otherwise_has_no_folder(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / ".cache/nexus/translations").mkdir(parents=True)
    assert options(*more).translate_cache is None


@pytest.mark.parametrize(("home", "cache"), [("", ""), ("relative", ""), ("", "relative")])
def test_a_host_without_a_home_has_no_folder(
    home: str, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vm_translate_cache, "_is_importable", lambda name: bool(name))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    assert default_folder() is None


def test_a_wish_and_its_contrary_are_refused() -> None:
    with pytest.raises(UsageError, match="--no-translate-cache: does not go with"):
        options("--no-translate-cache", "--translate-cache", "d")


def sampled(folder: Path, times: int) -> TranslationCache:
    cache = TranslationCache(folder, "llvm 1.2.3")
    for _ in range(times):
        cache.sample(PAGE, 0)
    return cache


@pytest.mark.parametrize(
    ("times", "is_asked", "started"),
    [(1, True, True), (1, False, False), (MANY, False, True), (0, True, False)],
)
def test_a_run_that_nobody_asked_to_keep_is_kept_if_it_was_long(
    times: int,
    is_asked: bool,
    started: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(vm_translate_cache, "find_translator", lambda: Translator(("translate",)))
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: commands.append(command))
    start_translator(sampled(tmp_path, times), is_asked=is_asked)
    assert bool(commands) is started
    assert [Path(command[1]).read_bytes() for command in commands] == [bytes(2) + PAGE] * started


def test_a_translator_sees_no_variable_of_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PEX_PATH", "__PEX_ENTRY_POINT__", "PYTHONHOME"):
        monkeypatch.setenv(name, "/none")
    monkeypatch.setenv("NEXUS_UNPACK_TO", "/a place")
    monkeypatch.setenv("EPEX", "kept")
    given: list[dict[str, str]] = []
    told = Translator(("translate",), {"PEX_MODULE": "hot"})
    monkeypatch.setattr(vm_translate_cache, "find_translator", lambda: told)
    monkeypatch.setattr(subprocess, "Popen", lambda _, *, env, **more: given.append(env))
    start_translator(sampled(tmp_path, MANY), is_asked=True)
    assert {name: text for name, text in given[0].items() if "PEX" in name or "PYTHON" in name} == {
        "EPEX": "kept",
        "PEX_IGNORE_RCFILES": "1",
        "PEX_MODULE": "hot",
        "PEX_ROOT": "/a place",
    }


def test_a_translator_that_cannot_be_started_leaves_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = Translator((str(tmp_path / "absent"),))
    monkeypatch.setattr(vm_translate_cache, "find_translator", lambda: absent)
    cache = sampled(tmp_path, MANY)
    start_translator(cache, is_asked=True)
    assert "no translator can be started: No such file" in capsys.readouterr().err
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize(("is_asked", "said"), [(True, "llvmlite) is not installed"), (False, "")])
def test_only_a_run_that_asked_says_that_there_is_no_compiler(
    is_asked: bool, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_translator(sampled(tmp_path, MANY), is_asked=is_asked)
    heard = capsys.readouterr().err
    assert said in heard
    assert bool(heard) is is_asked
    assert list(tmp_path.iterdir()) == []
