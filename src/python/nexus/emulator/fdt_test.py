import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.fdt import Node, TreeError, build, cells, pair, parse, strings
from nexus.emulator.reset import device_tree, tree_address

QEMU = shutil.which("qemu-system-riscv64")

NAMES = st.text("abcdefgh,-@#0123456789", max_size=8)


def trees() -> st.SearchStrategy[Node]:
    properties = st.dictionaries(NAMES, st.binary(max_size=9), max_size=3)
    leaves = st.builds(Node, NAMES, properties)
    return st.recursive(
        leaves, lambda inner: st.builds(Node, NAMES, properties, st.lists(inner, max_size=3))
    )


@given(trees())
def test_what_was_built_is_parsed(tree: Node) -> None:
    assert parse(build(tree)) == tree


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(TreeError):
        parse(data)


@given(st.data())
def test_damage_is_an_error_or_another_tree(data: st.DataObject) -> None:
    flat = bytearray(build(device_tree(1 << 26)))
    at = data.draw(st.integers(0, len(flat) - 1))
    flat[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(TreeError):
        parse(bytes(flat[: data.draw(st.integers(0, len(flat)))]))


def test_values_of_properties_are_big_endian() -> None:
    assert cells(1, 0x8000_0000) == bytes.fromhex("0000000180000000")
    assert pair(0x1000, 2) == bytes.fromhex("00000000000010000000000000000002")
    assert strings("a", "bc") == b"a\0bc\0"


@pytest.mark.parametrize(
    ("mib", "address"),
    [(8, 0x8060_0000), (17, 0x8100_0000), (64, 0x83E0_0000), (2048, 0xBFE0_0000)],
)
def test_the_tree_is_where_qemu_puts_it(mib: int, address: int) -> None:
    """The addresses that QEMU 7.2.22 passed in a1."""
    assert tree_address(mib << 20, len(build(device_tree(mib << 20)))) == address


@pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv64 is not installed on this host")
def test_our_nodes_are_those_of_qemu(tmp_path: Path) -> None:
    path = tmp_path / "virt.dtb"
    machine = ("-M", f"virt,dumpdtb={path}", "-m", "96M", "-display", "none", "-nodefaults")
    subprocess.run([str(QEMU), *machine], check=True, capture_output=True, timeout=60)
    theirs = dict(parse(path.read_bytes()).walk())
    ours = dict(device_tree(96 << 20).walk())
    assert set(ours) <= set(theirs)
    for name, node in ours.items():
        # A tree says what a machine has: fewer extensions here, and nothing of the host's chance.
        own = {"riscv,isa", "mmu-type"} & set(node.properties)
        expected = {
            key: value
            for key, value in theirs[name].properties.items()
            if key not in {"rng-seed", *own}
        }
        assert {k: v for k, v in node.properties.items() if k not in own} == expected, name
