"""No layout of a frame and no line of text stands outside of the schema: `single_source_test` looks
for numbers, and this for offsets, magics, bits, slots and texts."""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from nexus.schema.single_source_support import (
    GUEST_ROOMS,
    contract,
    guest_sources,
    host_sources,
    host_texts,
    text_of,
)

# Where a frame has no layout in the schema yet: those of packagefsd, and records of the
# configuration.
UNLAID = ("lib/dsoftbus/packagefs.zig", "lib/dsoftbus/config.zig")

_ZIG_OFFSET = re.compile(r"\b(?:frame|bytes|body|head)\[\d+\.\.\d+\]")
_ZIG_MAGIC = re.compile(r'"([A-Z]{2,4})(?:\\x[0-9a-f]{2})*"')


def magics() -> set[bytes]:
    return {
        constant.value
        for module in contract()
        for constant in module.constants
        if constant.name.lower().endswith("magic") and isinstance(constant.value, bytes)
    }


def test_no_offset_of_a_frame_is_written_by_hand_in_the_guest() -> None:
    places = [
        f"{path}: {offset}"
        for path, source in guest_sources().items()
        if path.startswith("lib/dsoftbus/") and path not in UNLAID
        for offset in _ZIG_OFFSET.findall(source)
        if not offset.endswith("[0..2]")  # A frame's magic, whatever it is.
    ]
    assert places == []


def test_no_layout_of_a_session_is_written_by_hand_on_the_host() -> None:
    """As numbers at which a frame is cut, or as a format of `struct`."""
    for name in ("announce", "gateway", "mux", "transfer"):
        tree = ast.parse(host_texts()[f"wire/{name}.py"])
        cuts = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Slice)
            and any(
                isinstance(end, ast.Constant) and end.value != 1
                for end in (node.slice.lower, node.slice.upper)
            )
        ]
        assert cuts == [], name
        assert "Struct(" not in host_texts()[f"wire/{name}.py"], name


def test_no_magic_is_a_literal_on_the_host() -> None:
    places = [
        f"{path}: {node.value!r}"
        for path, tree in host_sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, bytes)
        and any(
            re.fullmatch(re.escape(magic) + rb"[\x00-\x1f\x80-\xff]*", node.value)
            for magic in magics()
        )
    ]
    assert places == []


# Frames that tests outside of a test block are about.
IN_TESTS = (("lib/dsoftbus/node/journal.zig", "LO"), ("lib/dsoftbus/transfer_head.zig", "ST"))


def test_no_magic_is_a_literal_in_the_guest() -> None:
    places = [
        f"{path}: {text}"
        for path, source in guest_sources().items()
        # The selftest writes in full the frames that are wrong on purpose.
        if path.startswith(GUEST_ROOMS) and not path.startswith("services/selftest-client/")
        for text in _ZIG_MAGIC.findall(source)
        if text.encode() in magics() and (path, text) not in IN_TESTS
    ]
    assert places == []


# A number of a service or an operation, beside a name that says so.
_BARE = re.compile(r"\b(?:service|opcode|op|status)(?:_id|_number)?(?: ==| !=|=| =) (?:0x)?\d+\b")
# Zero is what such a name has before anything is known.
_NOTHING_YET = re.compile(r"= 0$")


_GUEST_PLACES: Final = ("lib/dsoftbus/",)
_HOST_PLACES: Final = ("wire/", "dsoftbus/", "remotefs/")


def test_no_service_operation_or_status_is_a_bare_number() -> None:
    """Beside a name for one; enumerations of other protocols have their own members."""
    sources = [
        *((path, text) for path, text in guest_sources().items() if path.startswith(_GUEST_PLACES)),
        *((path, text) for path, text in host_texts().items() if path.startswith(_HOST_PLACES)),
    ]
    places = [f"{path}: {found}" for path, text in sources for found in _BARE.findall(text)]
    assert [place for place in places if not _NOTHING_YET.search(place)] == []


def test_no_slot_of_a_device_is_a_number_on_the_host() -> None:
    """In a command of QEMU, or as a constant of its name."""
    slot = re.compile(r"virtio-mmio-bus\.\d|\b(?:STATE|PACKAGES|NETWORK|ENTROPY)_SLOT: Final = \d")
    places = [path for path, source in host_texts().items() if slot.search(source)]
    places += [
        path
        for path, source in host_texts().items()
        if re.search(r'\("(?:state|packages)", \d\)', source)
    ]
    assert places == []


def test_the_bit_of_a_reply_is_a_number_nowhere() -> None:
    bit = re.compile(r"\|=? 0x80\b|& 0x7[fF]\b")
    rooms = [*guest_sources().items(), *host_texts().items()]
    inside = ("lib/dsoftbus/", "lib/wire/", "wire/", "dsoftbus/", "remotefs/")
    assert [path for path, source in rooms if path.startswith(inside) and bit.search(source)] == []


def lines() -> list[str]:
    """Return the beginning of each line of a marker or a record that identifies it."""
    starts = {line.text.partition("{")[0] for module in contract() for line in module.lines}
    return sorted(start for start in starts if len(start) >= 6)


def constants(source: str) -> list[object]:
    """Return the literals of a module."""
    return [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]


@pytest.mark.parametrize("start", lines())
def test_a_line_is_written_in_the_schema_alone(start: str) -> None:
    beginning = re.compile(rf'"{re.escape(start)}')
    places = [path for path, source in guest_sources().items() if beginning.search(source)]
    for path, source in host_texts().items():
        literals = constants(source) if start in source else []
        places += [path for each in literals if str(text_of(each)).startswith(start)]
    assert places == []
