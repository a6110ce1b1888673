"""The parts of the Linux guest: packages taken apart, modules, the archive."""

from __future__ import annotations

import io
import lzma
import subprocess
import tarfile
from pathlib import Path

import pytest

from nexus.linux import cpio, report, store
from nexus.linux.cpio import Entry, archive
from nexus.linux.deb import PackageError, read_files
from nexus.linux.fetch import FetchError, Package, fetch
from nexus.linux.guest import MODULES, make_initrd
from nexus.linux.modules import unpacked


def test_an_archive_is_the_formats_bytes() -> None:
    """Checked once with `cpio -itv`, which lists a program of five bytes."""
    data = archive([Entry("bin/a", cpio.PROGRAM, b"hello")])
    head = b"07070100000001000081ED" + b"00000000" * 2 + b"00000001" + b"00000000"
    assert data.startswith(head + b"00000005" + b"00000000" * 4 + b"00000006" + b"00000000")
    assert data[110:116] == b"bin/a\0"
    assert data[116:124] == b"hello\0\0\0"
    assert b"TRAILER!!!\0" in data
    assert len(data) % 512 == 0


def package(files: dict[str, bytes]) -> bytes:
    """Make a Debian package with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    parts = [b"!<arch>\n"]
    for name, data in (("debian-binary", b"2.0\n"), ("data.tar.xz", buffer.getvalue())):
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n"
        parts += [head.encode(), data, b"\n" * (len(data) % 2)]
    return b"".join(parts)


def test_files_of_a_package_are_found_by_pattern() -> None:
    data = package({"usr/bin/busybox": b"box", "boot/vmlinux-6": b"kernel", "etc/x": b""})
    assert read_files(data, ["boot/vmlinux-*", "usr/bin/busybox"]) == {
        "usr/bin/busybox": b"box",
        "boot/vmlinux-6": b"kernel",
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\3\4", "begins with"),
        (b"!<arch>\n", "no data.tar.xz"),
        (package({"a": b""}), "no file 'b'"),
        (package({"a": b"x" * 999})[:-20], "ends after the file"),
        (package({"a": b"x"}).replace(b"\xfd7zXZ", b"\0\0\0\0\0"), "damaged"),
    ],
)
def test_a_damaged_package_is_one_error(data: bytes, said: str) -> None:
    with pytest.raises(PackageError, match=said):
        read_files(data, ["b"])


def signed(module: bytes, signature: bytes) -> bytes:
    tail = bytes(8) + len(signature).to_bytes(4, "big") + b"~Module signature appended~\n"
    return lzma.compress(module + signature + tail)


def test_a_module_loses_its_signature_and_nothing_else() -> None:
    assert unpacked(signed(b"\x7fELF module", b"s" * 300)) == b"\x7fELF module"
    assert unpacked(lzma.compress(b"\x7fELF unsigned")) == b"\x7fELF unsigned"


@pytest.mark.parametrize("data", [b"no xz", signed(b"", b"")[:-4]])
def test_a_damaged_module_is_one_error(data: bytes) -> None:
    with pytest.raises(PackageError, match="a module is damaged"):
        unpacked(data)


def test_a_signature_longer_than_the_file_is_one_error() -> None:
    tail = bytes(8) + (99).to_bytes(4, "big") + b"~Module signature appended~\n"
    with pytest.raises(PackageError, match="its signature has 99 bytes"):
        unpacked(lzma.compress(b"short" + tail))


def packages() -> dict[str, bytes]:
    modules = {f"usr/lib/modules/6/kernel/{path}.ko.xz": lzma.compress(b"m") for path in MODULES}
    firmware = "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"
    return {
        "kernel": package({"boot/vmlinux-6": b"kernel", **modules}),
        "busybox": package({"usr/bin/busybox": b"box"}),
        "firmware": package({firmware: b"opensbi"}),
    }


def test_a_guest_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "make_disk", lambda path: path.write_bytes(b"ext4"))
    given = {}
    for part, data in packages().items():
        path = tmp_path / part
        path.write_bytes(data)
        given[part] = Package(part, "1", path, part, is_pinned=False)
    folder = tmp_path / "fetched"
    made = store.make(folder, given)
    assert {name: path.read_bytes() for name, path in made.items()} == {
        "kernel": b"kernel",
        "firmware": b"opensbi",
        "initrd": make_initrd(b"box", dict.fromkeys(MODULES, lzma.compress(b"m"))),
        "disk": b"ext4",
    }
    assert {path.name for path in folder.iterdir()} == {*made, "made-of"}
    (tmp_path / "kernel").unlink()  # It is not read again.
    assert store.make(folder, given) == made


def test_the_script_of_the_first_process_is_shell(tmp_path: Path) -> None:
    archived = make_initrd(b"", dict.fromkeys(MODULES, lzma.compress(b"")))
    script = archived[
        archived.index(b"#!/bin/busybox") : archived.index(b"sleep 3600; done\n") + 17
    ]
    path = tmp_path / "init"
    path.write_bytes(script)
    done = subprocess.run(["/bin/sh", "-n", str(path)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_without_apt_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="apt-get is not on this host") as caught:
        fetch(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_report_counts_by_verdict() -> None:
    text = report.build(
        [
            report.Case("a", "fine"),
            report.Case("b", "bad \x1b[0m", has_failed=True),
            report.Case("c", "no network", is_skipped=True),
        ]
    )
    assert 'tests="3" failures="1" errors="0" skipped="1"' in text
    assert '<skipped message="no network"' in text
