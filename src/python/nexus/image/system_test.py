"""The program: what it writes, and that every mistake is one line and exit code 20."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.image import bootfs, elf
from nexus.image.elf_cases import fake_elf
from nexus.image.system import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kernel.elf").write_bytes(fake_elf(b"kernel"))
    (tmp_path / "init.elf").write_bytes(fake_elf(b"init"))
    (tmp_path / "logd.elf").write_bytes(fake_elf(b"logd" * 2000))
    (tmp_path / "text").write_text("hello")
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return main([argument.replace("@", f"{folder}/") for argument in arguments])


def test_the_system_holds_kernel_and_services(folder: Path) -> None:
    out = ("--kernel", "@kernel.elf", "--out", "@out")
    assert run(folder, *out, "--service", "logd=@logd.elf", "--service", "init=@init.elf") == 0
    image = (folder / "out").read_bytes()
    last = elf.read_segments(image, "system")[-1]
    archive = image[last.offset : last.offset + last.file_bytes]
    assert bootfs.find(archive, "init") == (folder / "init.elf").read_bytes()
    assert bootfs.find(archive, "logd") == (folder / "logd.elf").read_bytes()


def test_the_order_of_options_does_not_matter(folder: Path) -> None:
    services = ["--service", "logd=@logd.elf", "--service", "init=@init.elf"]
    run(folder, "--kernel", "@kernel.elf", "--out", "@a", *services)
    run(folder, *services[2:], "--out", "@b", *services[:2], "--kernel", "@kernel.elf")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kernel", "@none", "--service", "init=@init.elf"], "kernel: cannot read"),
        (["--kernel", "@text", "--service", "init=@init.elf"], "kernel: not an ELF"),
        (["--kernel", "@kernel.elf", "--service", "init=@none"], "service 'init': cannot read"),
        (["--kernel", "@kernel.elf", "--service", "init=@text"], "service 'init': not an ELF"),
        (["--kernel", "@kernel.elf", "--service", "init"], "expected NAME=PATH"),
        (["--kernel", "@kernel.elf", "--service", f"{'x' * 33}=@init.elf"], "expected 1..32"),
        (["--kernel", "@kernel.elf"], "0 services"),
        (["--service", "init=@init.elf"], "--kernel"),
        (
            ["--kernel", "@kernel.elf", "--service", "a=@init.elf", "--service", "a=@init.elf"],
            "given twice",
        ),
    ],
)
def test_mistakes_are_one_line_and_code_20(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(folder, *arguments, "--out", "@out") == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert not (folder / "out").exists()


def test_an_output_that_cannot_be_written_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = ["--service", "init=@init.elf"]
    assert run(folder, "--kernel", "@kernel.elf", *services, "--out", "@none/out") == 20
    shown = capsys.readouterr().err
    assert "--out: cannot write" in shown
    assert shown.count("\n") == 1
