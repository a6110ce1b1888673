"""Two versions of a schema talk both ways: what a later one adds, an earlier one does not miss.

The later version adds a field of each kind, a member of an enumeration and of a union, a method,
and raises a limit.  Each is generated as a package of its own, as two releases would have it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any  # Any: pycapnp publishes no types.

import pytest

from nexus.schema.evolution import find_breaches
from nexus.schema.generate import generate
from nexus.schema.judged.judge_support import LIMITS, ROOT
from nexus.schema.reading import read_modules

V1 = """\
@0xd2c5a1f0b3e49871;
using A = import "annotations.capnp";
enum Status $A.bits(8) $A.open { ok @0; full @1; }
struct Item { id @0 :UInt32; }
struct Order {
  number @0 :UInt64;
  note @1 :Text $A.bytesMax(8);
  status @2 :Status;
  items @3 :List(Item);
  union { cash @4 :UInt32; card @5 :Text; }
}
"""

V2 = """\
@0xd2c5a1f0b3e49871;
using A = import "annotations.capnp";
enum Status $A.bits(8) $A.open { ok @0; full @1; late @2; }
struct Item { id @0 :UInt32; name @1 :Text; weight @2 :UInt64 = 5; }
struct Order {
  number @0 :UInt64;
  note @1 :Text $A.bytesMax(16);
  status @2 :Status;
  items @3 :List(Item);
  union { cash @4 :UInt32; card @5 :Text; voucher @6 :UInt64; }
  urgent @7 :Bool = true;
  tags @8 :List(Text);
  from @9 :Item;
}
"""


def load(folder: Path, name: str, text: str) -> tuple[Any, ModuleType, ModuleType]:
    schemas = folder / f"{name}-schemas"
    schemas.mkdir()
    (schemas / "annotations.capnp").write_text((ROOT / "schemas/annotations.capnp").read_text())
    (schemas / "shop.capnp").write_text(text)
    generate([schemas / "shop.capnp"], folder / name, None)
    return tuple(  # type: ignore[return-value]  # Its length is fixed, which mypy cannot see.
        importlib.import_module(f"{name}.{part}") for part in ("shop", "message", "message_writer")
    )


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield load(tmp_path, "earlier", V1), load(tmp_path, "later", V2)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("earlier", "later")]:
        del sys.modules[name]


def send(source: Any, value: Any, target: Any) -> Any:
    limits = target[1].Limits(LIMITS.words, LIMITS.traversal, LIMITS.nesting)
    return target[1].decode(target[0].Order, source[2].encode(value, limits), limits)


def test_the_later_one_is_one_that_may_follow(tmp_path: Path, versions: tuple[Any, Any]) -> None:
    earlier, later = (
        read_modules([tmp_path / f"{name}-schemas/shop.capnp"]) for name in ("earlier", "later")
    )
    assert find_breaches(earlier, later) == []
    assert find_breaches(later, earlier) != []


def test_what_an_earlier_one_sends_has_the_defaults_of_a_later(versions: tuple[Any, Any]) -> None:
    earlier, later = versions
    shop = earlier[0]
    order = shop.Order("card", 7, "note", shop.Status.FULL, (shop.Item(1),), card="c")
    got = send(earlier, order, later)
    assert (got.which, got.number, got.note, got.card) == ("card", 7, "note", "c")
    assert got.status is later[0].Status.FULL
    assert got.items == (later[0].Item(1, "", 5),)
    assert (got.urgent, got.tags, got.from_) == (True, (), later[0].Item())


def test_what_a_later_one_adds_an_earlier_one_leaves_out(versions: tuple[Any, Any]) -> None:
    earlier, later = versions
    shop = later[0]
    more = {"from_": shop.Item(3, "far"), "urgent": False, "tags": ("a", "b")}
    items = (shop.Item(1, "x", 9), shop.Item(2, "y", 8))
    got = send(later, shop.Order("cash", 7, "note", shop.Status.LATE, items, 50, **more), earlier)
    assert (got.which, got.number, got.note, got.cash) == ("cash", 7, "note", 50)
    assert got.status is None  # A member of a later version.
    assert got.items == (earlier[0].Item(1), earlier[0].Item(2))


def test_what_an_earlier_one_cannot_take_it_refuses(versions: tuple[Any, Any]) -> None:
    earlier, later = versions
    shop = later[0]
    for order in (shop.Order("voucher", voucher=1), shop.Order(note="n" * 9)):
        with pytest.raises(earlier[1].MalformedMessage):
            send(later, order, earlier)
