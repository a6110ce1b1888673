"""The worked examples of docs/spec/wire.md are frames that the codecs write and read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from nexus.wire import gateway, mux
from nexus.wire.frame_cases import CASES

ROOT = Path(__file__).parents[4]
VECTORS: dict[str, str] = json.loads((ROOT / "third_party/vectors/frames.json").read_text())

_EXAMPLE = re.compile(r"^Example `([a-z0-9-]+)`:(?:[^\n]+\n)+\n((?:    [^\n]+\n)+)", re.MULTILINE)
_BYTES = re.compile(r"    ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:   |$)")


def examples() -> list[tuple[str, str]]:
    """Every example's name and bytes: the hexadecimal pairs at the beginning of its lines."""
    page = (ROOT / "docs/spec/wire.md").read_text()
    found = []
    for name, block in _EXAMPLE.findall(page):
        lines = [_BYTES.match(line) for line in block.splitlines()]
        assert all(lines), name
        found.append((name, "".join(line[1].replace(" ", "") for line in lines if line)))
    return found


# It has no end of its own, hence no case among the others.
UNENDING: Final = "stream-data"


def test_the_example_without_an_end_is_what_the_codec_writes() -> None:
    call = gateway.Request(1, 2, 1000, b"SM\x01\x06\x01x").encode()
    assert mux.Data(1, call).encode().hex() == dict(examples())[UNENDING]


@pytest.mark.parametrize(("name", "written"), [e for e in examples() if e[0] != UNENDING])
def test_an_example_is_what_the_codec_writes(name: str, written: str) -> None:
    case = {case.name: case for case in CASES}[name]
    assert written == (case.hex or VECTORS[case.vector])
    assert case.value.encode().hex() == written


def test_every_frame_that_crosses_the_network_has_an_example() -> None:
    shown = {name for name, _ in examples()}
    assert len(shown) == len(examples())
    needed = {"announce", "gateway-request", "gateway-response", "gateway-refused", "gateway-ping"}
    packages = {"pk-open", "pk-open-reply", "pk-read", "pk-read-reply", "pk-close", "pk-reject"}
    streams = {f"stream-{name}" for name in ("settings", "open", "open-ack", "data")}
    needed |= streams | {"stream-credit", "stream-close", "stream-reset"}
    needed |= {
        f"st-{name}" for name in ("put", "get", "go-ahead", "put-done", "get-done", "refused")
    }
    needed |= {"sf-put", "sf-put-reply", "sf2-get", "sf2-get-reply", "sf-delete", "sf-list"}
    needed |= {"sf-list-reply", "sf-put-refused", "lo-query", "lo-query-reply"}
    assert needed | packages | {"sm-resolve", "sm-resolve-ok", "bn-list", "bn-list-reply"} <= shown
