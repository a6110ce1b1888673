"""No number of the contract stands outside of the schema and what is generated from it.

Three ways to find a copy, over the sources of guest and host without their tests: a constant of a
contract's name that is given as a literal, an enumeration with numbers where the contract has them,
and a value that nothing else would have, wherever it stands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nexus.schema import names
from nexus.schema.model import Module
from nexus.schema.reading import read_modules

ROOT = Path(__file__).parents[4]
GUEST = ROOT / "src/guest"
HOST = ROOT / "src/python/nexus"

# Where the protocols of the contract are spoken.
HOST_ROOMS = ("wire", "dsoftbus", "remotefs", "config", "image")
GUEST_ROOMS = ("abi", "lib/wire", "lib/dsoftbus", "lib/nxbf", "services")

# Enumerations with numbers that are not part of the contract: spoken inside a guest alone, or
# inside a store.
LOCAL_ENUMS = {
    "dsoftbus/io/session_table.py": "an order of phases",
    "lib/dsoftbus/mux.zig": "a bit of a stream's number",
    "services/init/serve.zig": "init's answers to services of its node",
    "abi/root.zig": "the kernel's calls",
    "lib/wire/lo.zig": "rooms of the log",
    "lib/wire/pf.zig": "packagefsd's frames for services of its node",
    "lib/wire/rn.zig": "rngd's frames",
    "lib/wire/so.zig": "dsoftbusd's frames for statefsd",
    "services/netstackd/request.zig": "netstackd's frames",
}

# Names of constants that many things have, with whatever value.
GENERIC = ("magic", "version", "scope", "nameBytesMax")

_ZIG_TEST = re.compile(r'^test (?:"[^\n]*" )?\{.*?^\}', re.MULTILINE | re.DOTALL)
_ZIG_COMMENT = re.compile(r"//[^\n]*")
_ZIG_CONSTANT = re.compile(r"\bconst (\w+)(?:: \w+)? = ([^;{}\n]+);")
_ZIG_ENUM = re.compile(r"\bconst (\w+) = enum\(u\d+\) \{[^}]*= (?:0x)?\d")


@cache
def contract() -> tuple[Module, ...]:
    return read_modules(sorted((ROOT / "schemas").glob("*.capnp")))


@cache
def guest_sources() -> dict[str, str]:
    """Sources of the guest without tests and comments, by path from its folder."""
    return {
        path.relative_to(GUEST).as_posix(): _ZIG_COMMENT.sub(
            "", _ZIG_TEST.sub("", path.read_text())
        )
        for path in sorted(GUEST.rglob("*.zig"))
        if not path.stem.endswith(("_test", "_fake", "_cases", "_scene", "_support"))
    }


@cache
def host_texts() -> dict[str, str]:
    return {
        path.relative_to(HOST).as_posix(): path.read_text()
        for path in sorted(HOST.rglob("*.py"))
        if not path.stem.endswith(("_test", "_fake", "_cases", "_scene", "_support"))
        and path.relative_to(HOST).parts[0] not in ("contract", "schema")
    }


@cache
def host_sources() -> dict[str, ast.Module]:
    """Where the contract's protocols are spoken."""
    texts = host_texts()
    return {path: ast.parse(texts[path]) for path in texts if path.startswith(HOST_ROOMS)}


@cache
def constants() -> dict[str, set[object]]:
    """The values that constants of a name have; `magic` and `version` are every format's."""
    found: dict[str, set[object]] = {}
    for module in contract():
        for constant in module.constants:
            if constant.name not in GENERIC:
                found.setdefault(names.snake(constant.name), set()).add(constant.value)
    return found


def is_copy(name: str, value: object) -> bool:
    return value in constants().get(name.lower().lstrip("_"), ())


def zig_value(text: str) -> object:
    """The value of a literal of zig; None of anything else."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None


def literal_assignments(tree: ast.Module) -> Iterator[tuple[str, object]]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
            yield ast.unparse(node.target), node.value.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                yield ast.unparse(target), node.value.value


def numbered_enums(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
        if bases & {"Enum", "IntEnum"} and any(
            isinstance(line, ast.Assign)
            and isinstance(line.value, ast.Constant)
            and type(line.value.value) is int
            for line in node.body
        ):
            yield node.name


def test_the_sources_are_here() -> None:
    assert len(guest_sources()) > 100
    assert len(host_texts()) > 300


def test_no_constant_of_the_contract_is_given_as_a_literal_in_the_guest() -> None:
    copies = [
        f"{path}: {name} = {text}"
        for path, source in guest_sources().items()
        if path.startswith(GUEST_ROOMS)
        for name, text in _ZIG_CONSTANT.findall(source)
        if is_copy(name, zig_value(text))
    ]
    assert copies == []


def test_no_constant_of_the_contract_is_given_as_a_literal_on_the_host() -> None:
    copies = [
        f"{path}: {name} = {value!r}"
        for path, tree in host_sources().items()
        for name, value in literal_assignments(tree)
        if is_copy(name, value)
    ]
    assert copies == []


def test_no_enumeration_of_the_guest_has_numbers_of_its_own() -> None:
    copies = [
        f"{path}: {name}"
        for path, source in guest_sources().items()
        if path.startswith(GUEST_ROOMS) and path not in LOCAL_ENUMS
        for name in _ZIG_ENUM.findall(source)
    ]
    assert copies == []


def test_no_enumeration_of_the_hosts_protocols_has_numbers_of_its_own() -> None:
    copies = [
        f"{path}: {name}"
        for path, tree in host_sources().items()
        if path.startswith(("wire/", "dsoftbus/", "config/")) and path not in LOCAL_ENUMS
        for name in numbered_enums(tree)
    ]
    assert copies == []


# Where a frame has no layout in the schema yet: those of packagefsd, and records of the
# configuration.
UNLAID = ("lib/dsoftbus/pk.zig", "lib/dsoftbus/config.zig")

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
        # What the selftest sends wrongly on purpose is said in full there.
        if path.startswith(GUEST_ROOMS) and not path.startswith("services/selftest-client/")
        for text in _ZIG_MAGIC.findall(source)
        if text.encode() in magics() and (path, text) not in IN_TESTS
    ]
    assert places == []


# A number of a service or an operation, beside a name that says so.
_BARE = re.compile(r"\b(?:service|opcode|op|status)(?:_id|_number)?(?: ==| !=|=| =) (?:0x)?\d+\b")
# Zero is what such a name has before anything is known.
_NOTHING_YET = re.compile(r"= 0$")


def test_no_service_operation_or_status_is_a_bare_number() -> None:
    """Beside a name for one; enumerations of other protocols have their own members."""
    places = []
    for path, source in guest_sources().items():
        if path.startswith("lib/dsoftbus/"):
            places += [f"{path}: {found}" for found in _BARE.findall(source)]
    for path, source in host_texts().items():
        if path.startswith(("wire/", "dsoftbus/", "remotefs/")):
            places += [f"{path}: {found}" for found in _BARE.findall(source)]
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


def telling_values() -> list[str | int]:
    """Values of the contract that are nothing else's: texts of some length, and odd numbers."""
    found: set[str | int] = set()
    for module in contract():
        for constant in module.constants:
            value = constant.value
            if constant.name in GENERIC and isinstance(value, str):
                continue
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if isinstance(value, tuple):
                found.add(", ".join(map(str, value)))
            if isinstance(value, str) and len(value) >= 4:
                found.add(value)
            # Round numbers are the limits of much that has nothing to do with the contract.
            if isinstance(value, int) and value >= 10_000 and value & (value - 1) and value % 1000:
                found.add(value)
    return sorted(found, key=str)


@pytest.mark.parametrize("value", telling_values())
def test_a_value_that_is_nothing_elses_stands_nowhere_else(value: str | int) -> None:
    text = f'"{value}"' if isinstance(value, str) and "," not in value else str(value)
    whole = re.compile(rf"(?<![\w]){re.escape(text)}(?!\w)")
    places = [path for path, source in guest_sources().items() if whole.search(source)]
    digits = text if isinstance(value, str) else f"{value:_}"
    for path, source in host_texts().items():
        if text not in source and digits not in source:
            continue
        literals = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant))
        if any(value in (each, _text(each)) for each in literals):
            places.append(path)
    assert places == []


def lines() -> list[str]:
    """How each line of a marker or a record begins, as far as that tells it from others."""
    starts = {line.text.partition("{")[0] for module in contract() for line in module.lines}
    return sorted(start for start in starts if len(start) >= 6)


@pytest.mark.parametrize("start", lines())
def test_a_line_is_written_in_the_schema_alone(start: str) -> None:
    beginning = re.compile(rf'"{re.escape(start)}')
    places = [path for path, source in guest_sources().items() if beginning.search(source)]
    for path, source in host_texts().items():
        if start in source:
            literals = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant))
            places += [path for each in literals if str(_text(each)).startswith(start)]
    assert places == []


def _text(value: object) -> object:
    return value.decode("latin-1") if isinstance(value, bytes) else value
