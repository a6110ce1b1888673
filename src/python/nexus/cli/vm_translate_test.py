"""`vm translate` hands over to the translator, or says how to have one."""

import sys
from types import ModuleType

import pytest

from nexus.cli import vm_translate
from nexus.core.commandline import EXIT_CONFIG


def test_without_llvm_one_line_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in vm_translate._OPTIONAL:  # None stands for a module that is not there.
        monkeypatch.setitem(sys.modules, name, None)

    assert vm_translate.main(["--elf", "a", "--out", "b"]) == EXIT_CONFIG

    (line,) = capsys.readouterr().err.splitlines()
    assert "needs LLVM" in line
    assert "./pants run src/python/nexus/emulator/native:translate" in line


def test_with_llvm_the_arguments_reach_the_translator(monkeypatch: pytest.MonkeyPatch) -> None:
    program = ModuleType(vm_translate._PROGRAM)
    calls: list[list[str]] = []

    def record(argv: list[str]) -> int:
        calls.append(argv)
        return 3

    monkeypatch.setattr(program, "main", record, raising=False)
    monkeypatch.setitem(sys.modules, vm_translate._PROGRAM, program)

    assert vm_translate.main(["--elf", "a", "--out", "b"]) == 3
    assert calls == [["--elf", "a", "--out", "b"]]


def test_a_missing_module_of_another_kind_is_not_blamed_on_llvm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> ModuleType:
        raise ModuleNotFoundError("no", name="nexus.core.gone")

    monkeypatch.setattr(vm_translate, "import_module", fail)
    with pytest.raises(ModuleNotFoundError):
        vm_translate.main(["--elf", "a", "--out", "b"])
