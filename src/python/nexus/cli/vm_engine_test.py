"""The engine that `nexus vm run` takes when none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.cli.vm_arguments import parse
from nexus.core.errors import UsageError
from nexus.emulator.native import processor as native_processor


@pytest.mark.parametrize(
    ("given", "processor", "engine"),
    [
        ((), "x86_64", "reference"),
        (("--native-blob", "b"), "x86_64", "native"),
        (("--native-blob", "b"), "aarch64", "native"),
        (("--native-blob", "b", "--translations", "t"), "x86_64", "translated"),
        (("--native-blob", "b", "--translate-cache", "d"), "x86_64", "native"),
        (("--native-blob", "b"), "riscv64", "reference"),
        (("--native-blob", "b", "--trace", "traps"), "x86_64", "native"),
        (("--native-blob", "b", "--trace", "instructions"), "x86_64", "reference"),
        (
            ("--native-blob", "b", "--trace", "instructions", "--engine", "native"),
            "x86_64",
            "native",
        ),
        (("--native-blob", "b", "--gdb", "0"), "x86_64", "native"),
        (("--native-blob", "b", "--translations", "t", "--gdb", "0"), "x86_64", "translated"),
        (("--native-blob", "b", "--engine", "reference"), "x86_64", "reference"),
    ],
)
def test_the_fastest_engine_that_can_do_it_runs(
    given: tuple[str, ...], processor: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_processor, "machine_name", lambda: processor)
    assert parse(["--kernel", "k.elf", *given]).engine == engine


def test_a_folder_of_translations_needs_an_engine_that_uses_it() -> None:
    with pytest.raises(UsageError, match=r"--translate-cache: .* not reference;"):
        parse(["--kernel", "k.elf", "--translate-cache", str(Path("d"))])
