"""docs/spec/node-config.md names every key, default, operation and limit that the models have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from nexus.config import bounds, inherit, node, world
from nexus.contract.services import SERVICES

PAGE: Final = (Path(__file__).parents[4] / "docs/spec/node-config.md").read_text(encoding="utf-8")

# Headers of tables in files, and the models behind them.
TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "[node]": node.Node,
    "[network]": node.Network,
    "[dsoftbus]": node.DSoftBus,
    "[[dsoftbus.peer]]": node.Peer,
    "[[dsoftbus.allow]]": node.Allow,
    "[[route]]": node.Route,
    "[policy]": node.Policy,
    "[[policy.grant]]": node.Grant,
    "[selftest]": node.Selftest,
    "[bundlemgrd]": node.Bundles,
    "[packages]": node.Packages,
    "[state]": node.State,
    "[boot]": node.Boot,
    "[[boot.drive]]": node.Drive,
    "[statefsd]": node.StateShares,
    "[link]": world.Link,
    "[[link.cut]]": world.Cut,
    "[[machine]]": world.Machine,
    "[[reboot]]": world.Reboot,
    "[budget_ms]": world.Budget,
    "[[expect]]": world.Expectation,
}


def _row(header: str) -> str:
    found = re.search(rf"^\| `{re.escape(header)}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert found, f"no row of the page is about {header}"
    return found[1]


def _keys() -> Iterator[tuple[str, str, object]]:
    """Each key with its table and default; keys that are tables have rows of their own."""
    for header, model in TABLES.items():
        own = header.strip("[]")
        for name, field in model.model_fields.items():
            key = field.alias or name
            if f"[[{own}.{key}]]" not in TABLES:
                yield header, key, None if field.is_required() else field.get_default()


@pytest.mark.parametrize(("header", "key"), [row[:2] for row in _keys()])
def test_a_key_is_in_the_row_of_its_table(header: str, key: str) -> None:
    assert f"`{key}`" in _row(header)


@pytest.mark.parametrize(
    ("header", "key", "default"), [row for row in _keys() if isinstance(row[2], int)]
)
def test_a_number_in_brackets_is_the_default(header: str, key: str, default: object) -> None:
    said = str(default).lower()
    assert re.search(rf"`{key}`[^;]*? \({said}\)", _row(header))


def test_every_operation_that_a_configuration_may_allow_is_named() -> None:
    row = _row("[[dsoftbus.allow]]")
    names = [
        name
        for service in SERVICES
        for name, code in service.operations
        if code not in service.never
    ]
    assert [name for name in names if f"`{name}`" not in row] == []


@pytest.mark.parametrize(
    "sentence",
    [
        f"At most {bounds.MACHINES_MAX} machines, {bounds.EXPECT_MAX} expectations, "
        f"{bounds.CUTS_MAX} cuts and {bounds.REBOOTS_MAX} reboots",
        f"At most {inherit.DEPTH_MAX - 1} bases of bases, and {inherit.FILES_MAX} files",
        f"at most {bounds.START_MAX}; empty for a guest of another make",
        f"`forbid` for this machine, at most {bounds.FORBID_MAX}",
    ],
)
def test_a_limit_is_the_one_that_is_held(sentence: str) -> None:
    assert sentence in " ".join(PAGE.split())
