"""The contract, and the sources of guest and host without their tests, for tests that look in them
for copies."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from nexus.schema.model import Module
from nexus.schema.reading import read_modules

ROOT = Path(__file__).parents[4]
GUEST = ROOT / "src/guest"
HOST = ROOT / "src/python/nexus"

# Where the protocols of the contract are spoken.
HOST_ROOMS = ("wire", "dsoftbus", "remotefs", "config", "image")
GUEST_ROOMS = ("abi", "lib/wire", "lib/dsoftbus", "lib/nxbf", "services")

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


def text_of(value: object) -> object:
    """Bytes as the text that they would be; anything else as it is."""
    return value.decode("latin-1") if isinstance(value, bytes) else value
