"""The description shows what counts, defaults included, and no private key."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.config.config_cases import NODE_A, WORLD, write_world
from nexus.config.describe import describe, main
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_any


def test_a_node_is_described_without_its_secret(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(NODE_A)
    lines = describe(load_any(tmp_path / "a.toml"))
    assert lines[0] == "node node-a: 52:54:00:12:34:0a, image system, 64 MiB"
    own = public_key_of(derive_test_secret("node-a")).hex()
    assert f"  dsoftbus port 34567, public key {own}" in lines
    assert "  allow node-b samgrd resolve-status" in lines
    assert "  route dsoftbusd > netstackd" in lines
    assert "  grant dsoftbusd bundle.query" in lines
    assert any(line.startswith("    section dsoftbusd: 10 records") for line in lines)
    assert derive_test_secret("node-a").hex() not in "\n".join(lines)


def test_a_world_is_described_with_its_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write_world(tmp_path))]) == 0
    shown = capsys.readouterr().out
    assert "seed 7, 2 machines" in shown
    assert "  launch: 1 expected, 5000 ms" in shown
    assert "machine B: " in shown


def test_a_bad_file_is_one_line_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_world(tmp_path, a=NODE_A.replace("34567", "0"))
    assert main([str(path)]) == 20
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("node-a.toml:10: dsoftbus.port: 0; expected 1..65535\n")
    assert captured.err.count("\n") == 1


def described(folder: Path, text: str) -> list[str]:
    (folder / "a.toml").write_text(text)
    return describe(load_any(folder / "a.toml"))


DRIVES = """
[boot]
kernel = "linux"
{firmware}
cpu = "rv64gc"
harts = 4
append = "console=ttyS0"
initrd = "initrd"

[[boot.drive]]
slot = 2
image = "rootfs"
readonly = true

[[boot.drive]]
slot = 3
disk_kib = 64
"""


def test_what_a_guest_of_another_make_is_given(tmp_path: Path) -> None:
    start = '[node]\nid = "n"\nmac = "52:54:00:12:34:0a"\nstart = []\n'
    lines = described(tmp_path, start + DRIVES.format(firmware='firmware = "opensbi"'))
    assert lines[0] == "node n: 52:54:00:12:34:0a, image linux, 64 MiB"
    for line in (
        "  firmware opensbi",
        "  initial RAM disk initrd",
        "  processor rv64gc",
        "  4 harts",
        "  kernel arguments console=ttyS0",
        "  drive in slot 2: rootfs, read-only",
        "  drive in slot 3: 64 KiB, blank",
    ):
        assert line in lines
    plain = "\n".join(described(tmp_path, start))
    for word in ("firmware", "RAM disk", "processor", "harts", "arguments", "drive", "gateway"):
        assert word not in plain


def test_the_drives_of_a_node_and_what_peers_may_store(tmp_path: Path) -> None:
    state = (
        '\n[packages]\nimage = "packages"\n[state]\ndisk_kib = 64\n'
        '[[dsoftbus.allow]]\npeer = "node-b"\nservice = "statefsd"\noperations = ["put", "get"]\n'
    )
    lines = described(tmp_path, NODE_A + state)
    assert "  state drive: 64 KiB, blank" in lines
    assert "  package drive: packages, read-only" in lines
    assert "  1 of them may set keys, each up to 512 and 256 KiB; 128 and 64 KiB stay free" in lines
    given = described(tmp_path, NODE_A + state.replace("disk_kib = 64", 'disk = "state"'))
    assert "  state drive: state" in given
    assert "may set keys" not in "\n".join(described(tmp_path, NODE_A))


def test_a_node_that_allows_nothing_and_one_that_announces_nothing(tmp_path: Path) -> None:
    head, _, rest = NODE_A.partition("[[dsoftbus.allow]]")
    lines = described(tmp_path, head + "[selftest]" + rest.partition("[selftest]")[2])
    assert "  allow nothing" in lines
    lines = described(tmp_path, NODE_A.replace('["samgrd", "bundlemgrd"]', "[]"))
    assert "  announces no service every 250 ms; peers expire after 1500 ms" in lines
    assert "  allow nothing" not in lines
    network = 'address = "10.42.0.10/24"\ngateway = "10.42.0.1"'
    lines = described(tmp_path, NODE_A.replace('address = "10.42.0.10/24"', network))
    assert "  address 10.42.0.10/24, gateway 10.42.0.1" in lines


def test_what_a_world_forbids_and_cuts(tmp_path: Path) -> None:
    cut = 'loss = "1/50"\ncut = [{ start_ms = 5, end_ms = 9 }]'
    world = WORLD.replace('loss = "1/50"', cut)
    world = world.replace('label = "A"', 'label = "A"\nforbid = ["oops"]')
    lines = describe(load_any(write_world(tmp_path, world=world)))
    assert lines[2:4] == ["  cut from 5 ms to 9 ms", "  launch: 1 expected, 5000 ms"]
    assert "  forbidden: kernel: panic" in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("machine A: "))
    assert lines[at + 1 : at + 3] == ["  forbidden: oops", lines[at + 2]]
    assert lines[at + 2].startswith("node node-a: ")
