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

import pytest

from nexus.schema import names
from nexus.schema.single_source_support import (
    GUEST_ROOMS,
    HOST_ROOMS,
    contract,
    guest_sources,
    host_sources,
    host_texts,
    number_of,
    project_sources,
    text_of,
)

# Enumerations with numbers that are not part of the contract: spoken inside a guest alone, or
# inside a store.
LOCAL_ENUMS = {
    "dsoftbus/io/session_table.py": "an order of phases",
    "remotefs/state/fsck.py": "exit codes of a tool",
    "lib/dsoftbus/mux_events.zig": "a bit of a stream's number",
    "services/init/serve.zig": "init's answers to services of its node",
    "abi/root.zig": "the kernel's calls",
    "lib/wire/log.zig": "rooms of the log",
    "lib/wire/packages.zig": "packagefsd's frames for services of its node",
    "lib/wire/entropy.zig": "rngd's frames",
    "lib/wire/behalf.zig": "dsoftbusd's frames for statefsd",
    "services/netstackd/request.zig": "netstackd's frames",
}

# Names of constants that many things have, with whatever value.
GENERIC = ("magic", "version", "scope", "nameBytesMax")

_ZIG_CONSTANT = re.compile(r"\bconst (\w+)(?:: \w+)? = ([^;{}\n]+);")
_ZIG_ENUM = re.compile(r"\bconst (\w+) = enum\(u\d+\) \{[^}]*= (?:0x)?\d")


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
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    return node.value if isinstance(node, ast.Constant) else number_of(node)


def literal_assignments(tree: ast.Module) -> Iterator[tuple[str, object]]:
    for node in tree.body:
        if not isinstance(node, ast.AnnAssign | ast.Assign) or node.value is None:
            continue
        value = node.value
        literal = value.value if isinstance(value, ast.Constant) else number_of(value)
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        for target in targets:
            yield ast.unparse(target), literal


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
        if path.startswith(HOST_ROOMS) and path not in LOCAL_ENUMS
        for name in numbered_enums(tree)
    ]
    assert copies == []


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


def has_literal(source: str, value: str | int) -> bool:
    """Whether a module has this literal, as text or as bytes."""
    literals = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant))
    return any(value in (each, text_of(each)) for each in literals)


@pytest.mark.parametrize("value", telling_values())
def test_a_value_that_is_nothing_elses_stands_nowhere_else(value: str | int) -> None:
    text = f'"{value}"' if isinstance(value, str) and "," not in value else str(value)
    whole = re.compile(rf"(?<![\w]){re.escape(text)}(?!\w)")
    places = [path for path, source in guest_sources().items() if whole.search(source)]
    digits = text if isinstance(value, str) else f"{value:_}"
    mentions = {p: s for p, s in host_texts().items() if text in s or digits in s}
    places += [path for path, source in mentions.items() if has_literal(source, value)]
    assert places == []


# Files that write raw bytes on purpose, or have them as values of tests of their own.
RAW = {
    "lib/dsoftbus/frames.zig": "a request of its tests",
    "lib/dsoftbus/node/journal.zig": "an answer of its tests",
    "services/logd/ring.zig": "records of its tests",
    "services/selftest-client/local.zig": "sends what services are to refuse",
    "attacker/attacker/enrolled.zig": "a node of the bus that breaks its rules",
    "attacker/attacker/stranger.zig": "sends a request where a handshake belongs",
    "remote_pkgfs/caller/main.zig": "compares replies byte by byte",
    "snoop/abuse.zig": "sends the beginnings of requests",
}

_ZIG_SERVICE = re.compile(r"\bservice(?:_id)?\b *(?:=|==|!=) *[1-9]|\w+_service\b[^=\n]*= *[1-9]")
_ZIG_STATUS = re.compile(r"\b(?:status|opcode|reason)\b *(?:==|!=|>=|<=) *[1-9]")
_FRAME = re.compile(r'"(SM|BN|PK|SF|LO|DS|PO)\\x0[12]')


def zig_sources() -> dict[str, str]:
    both = {**guest_sources(), **project_sources()}
    return {path: source for path, source in both.items() if path not in RAW}


def test_no_frame_of_a_service_is_written_as_bytes() -> None:
    found = [
        path for path, text in {**zig_sources(), **host_texts()}.items() if _FRAME.search(text)
    ]
    assert found == []


def test_no_service_status_or_operation_is_a_bare_number_in_zig() -> None:
    found = [
        f"{path}: {match[0]}"
        for path, source in zig_sources().items()
        for pattern in (_ZIG_SERVICE, _ZIG_STATUS)
        for match in pattern.finditer(source)
    ]
    assert found == []


def bare_numbers(tree: ast.Module) -> Iterator[str]:
    """Expressions in which a service, a status or an operation is a number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            values = [word.value for word in node.keywords if word.arg in ("service", "opcode")]
            values += node.args[:1] if name == "call" else node.args[1:3] if name == "Rule" else []
            if any(number_of(value) for value in values):
                yield ast.unparse(node)
        elif isinstance(node, ast.Compare):
            name = ast.unparse(node.left).split(".")[-1].lstrip("_")
            if name in ("service", "status", "opcode") and any(map(number_of, node.comparators)):
                yield ast.unparse(node)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            name = ast.unparse(node.target).lstrip("_")
            if name in ("SERVICE", "OPCODE", "STATUS") and number_of(node.value):
                yield ast.unparse(node)


def test_no_service_status_or_operation_is_a_bare_number_on_the_host() -> None:
    found = [
        f"{path}: {text}"
        for path, source in host_texts().items()
        for text in bare_numbers(ast.parse(source))
    ]
    assert found == []
