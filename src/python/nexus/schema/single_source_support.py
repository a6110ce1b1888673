"""The contract, and the sources of guest and host without their tests, for tests that look in them
for copies."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from nexus.schema.model import Module
from nexus.schema.reading import read_modules

ROOT = Path(__file__).parents[4]
GUEST = ROOT / "src/guest"
PROJECTS = ROOT / "testprojects"
HOST = ROOT / "src/python/nexus"

# Where the protocols of the contract are spoken.
HOST_ROOMS = ("wire", "dsoftbus", "remotefs", "config", "image")
GUEST_ROOMS = (
    "abi",
    "lib/wire",
    "lib/dsoftbus",
    "lib/nxbf",
    "lib/pkgimg",
    "lib/statefs",
    "services",
)

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.LShift: operator.lshift,
}
_ZIG_TEST = re.compile(r'^test (?:"[^\n]*" )?\{.*?^\}', re.MULTILINE | re.DOTALL)
_ZIG_COMMENT = re.compile(r"//[^\n]*")


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
def project_sources() -> dict[str, str]:
    """Guests of test projects, by path from their folder; without tests and comments."""
    return {
        path.relative_to(PROJECTS).as_posix(): _ZIG_COMMENT.sub(
            "", _ZIG_TEST.sub("", path.read_text())
        )
        for path in sorted(PROJECTS.rglob("*.zig"))
        if not path.stem.endswith("_test")
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
    """List the files in which the contract's protocols are spoken."""
    texts = host_texts()
    return {path: ast.parse(texts[path]) for path in texts if path.startswith(HOST_ROOMS)}


def number_of(node: ast.expr) -> int | None:
    """The number that an expression of literals comes to, such as `64 * 1024`; None of others."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if not isinstance(node, ast.BinOp) or type(node.op) not in _OPERATORS:
        return None
    left, right = number_of(node.left), number_of(node.right)
    return None if left is None or right is None else _OPERATORS[type(node.op)](left, right)


def text_of(value: object) -> object:
    """Bytes as the text that they would be; anything else as it is."""
    return value.decode("latin-1") if isinstance(value, bytes) else value
