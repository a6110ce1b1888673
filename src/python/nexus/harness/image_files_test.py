"""The files of a command line: each read once, within its bound, and each mistake one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.harness import image_files
from nexus.harness.image_files import Images, read_native_code, read_translations
from nexus.harness.plan import PlanError
from nexus.image.elf_cases import fake_elf

Reader = Callable[[Path], bytes | None]
ELF = fake_elf(b"image")
NOP = bytes.fromhex("13000000")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def as_image(path: Path) -> bytes:
    return Images({"x": path}).read("A", "x", has_firmware=True)


def as_file(path: Path) -> bytes:
    return Images({"x": path}).read_file("A", "initrd", "x")


def as_drive(path: Path) -> bytes:
    return Images({"x": path}).read_drive("A", "state", "x")


READERS: list[tuple[Reader, str, int]] = [
    (as_image, "--image x", 64 << 20),
    (as_file, "--image x", 64 << 20),
    (as_drive, "--image x", 128 << 20),
    (read_native_code, "--native-blob", 64 << 20),
    (read_translations, "--translations", 64 << 20),
]


@pytest.mark.parametrize(("read", "option", "limit"), READERS)
def test_a_file_that_cannot_be_one_is_refused_in_one_line(
    tmp_path: Path, read: Reader, option: str, limit: int
) -> None:
    for path, said in (
        (tmp_path / "none", f"cannot read {tmp_path / 'none'}: No such file or directory"),
        (tmp_path, f"cannot read {tmp_path}: Is a directory"),
        (write(tmp_path / "empty", b""), f"{tmp_path / 'empty'} is empty"),
        (Path("/dev/zero"), f"/dev/zero is larger than {limit} bytes"),
    ):
        with pytest.raises(PlanError) as caught:
            read(path)
        assert str(caught.value) == f"{option}: {said}"


@pytest.mark.parametrize(("read", "option", "limit"), READERS)
def test_a_file_may_be_as_large_as_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Reader, option: str, limit: int
) -> None:
    for name in ("_IMAGE_BYTES_MAX", "_DRIVE_BYTES_MAX"):
        monkeypatch.setattr(image_files, name, len(ELF))
    content = read(write(tmp_path / "fits", ELF))
    assert content is not None
    assert content[: len(ELF)] == ELF
    with pytest.raises(PlanError, match=f"^{option}: .*/longer is larger than {len(ELF)} bytes$"):
        read(write(tmp_path / "longer", ELF + b"x"))


def test_code_that_was_not_named_is_none() -> None:
    assert (read_native_code(None), read_translations(None)) == (None, None)


@pytest.mark.parametrize(("length", "filled"), [(1, 512), (511, 512), (512, 512), (513, 1024)])
def test_a_disk_has_whole_sectors(tmp_path: Path, length: int, filled: int) -> None:
    content = as_drive(write(tmp_path / "disk", b"d" * length))
    assert content == b"d" * length + bytes(filled - length)


def test_a_file_is_read_once_for_each_use_and_each_use_counts(tmp_path: Path) -> None:
    files = {name: write(tmp_path / name, ELF + name.encode()) for name in ("a", "b", "c", "d")}
    images = Images(files)
    first = images.read("A", "a", has_firmware=False)
    beside = images.read_file("A", "initrd", "b")
    disk = images.read_drive("A", "state", "c")
    both = images.read_drive("B", "state", "a")
    with pytest.raises(PlanError) as caught:
        images.check_all_used("world")
    assert str(caught.value) == "world: --image: 'd' is used by no machine"
    for path in files.values():
        path.unlink()
    assert images.read("B", "a", has_firmware=False) is first
    assert images.read_file("B", "firmware", "b") is beside
    assert images.read_drive("B", "drive", "c") is disk
    assert images.read_drive("C", "state", "a") is both
    assert both[: len(first)] == first
    assert len(both) % 512 == 0


def test_the_first_image_that_is_not_used_is_named(tmp_path: Path) -> None:
    images = Images({name: tmp_path / name for name in ("z", "m", "n")})
    with pytest.raises(PlanError, match=r"^node: --image: 'm' is used by no machine$"):
        images.check_all_used("node")
    Images({}).check_all_used("node")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ({}, "machine A: image: 'sys' was not given; given with --image: none"),
        (
            {"zeta": Path("z"), "alpha": Path("a")},
            "machine A: image: 'sys' was not given; given with --image: alpha, zeta",
        ),
        (
            {"syss": Path("z")},
            "machine A: image: 'sys' was not given; given with --image: syss; did you mean 'syss'?",
        ),
    ],
)
def test_an_image_that_was_not_given_is_named_with_those_that_were(
    paths: dict[str, Path], said: str
) -> None:
    with pytest.raises(PlanError) as caught:
        Images(paths).read("A", "sys", has_firmware=False)
    assert str(caught.value) == said


def test_only_what_firmware_starts_may_be_without_a_head(tmp_path: Path) -> None:
    flat = write(tmp_path / "flat", NOP * 100)
    assert as_image(flat) == NOP * 100
    with pytest.raises(PlanError, match=f"^--image x: {flat}: "):
        Images({"x": flat}).read("A", "x", has_firmware=False)
