"""docs/spec/contract.md is what the schemas say now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.schema.reading import read_modules
from nexus.schema.tables import write_page

ROOT = Path(__file__).parents[4]
# Pages with a table of the markers of a service.
SERVICES = ("netstack", "packagefs", "session", "statefs", "streams")
AGAIN = (
    "write it again: ./pants run src/python/nexus/schema/tables.py -- schemas/*.capnp "
    "> docs/spec/contract.md"
)


def test_the_page_of_the_contract_is_fresh() -> None:
    page = (ROOT / "docs/spec/contract.md").read_text()
    assert page == write_page(read_modules(sorted((ROOT / "schemas").glob("*.capnp")))), AGAIN


def test_every_name_of_the_contract_is_on_the_page() -> None:
    page = (ROOT / "docs/spec/contract.md").read_text()
    for module in read_modules(sorted((ROOT / "schemas").glob("*.capnp"))):
        for constant in module.constants:
            assert f"| {constant.name} | " in page
        for enumeration in module.enumerations:
            assert f"### {enumeration.name}\n" in page


def marker_patterns() -> list[str]:
    """Every line of a console that the contract has, as an expression for the whole of it."""
    schemas = read_modules(sorted((ROOT / "schemas").glob("*.capnp")))
    (markers,) = (module for module in schemas if module.name == "marker")
    lines = [line.text for line in markers.lines]
    lines += [str(constant.value) for constant in markers.constants if constant.name != "ready"]
    escaped = [".*".join(re.escape(part) for part in re.split(r"{\w+}", line)) for line in lines]
    return [*escaped, rf"[a-z]+{re.escape(str(markers.constant('ready')))}"]


def markers_of(page: str) -> Iterator[str]:
    """The quoted lines in the first column of tables whose first column has markers."""
    header = ""
    for line in (ROOT / "docs/spec" / f"{page}.md").read_text().splitlines():
        cells = line.split(" | ") if line.startswith("|") else [""]
        header = (header or cells[0]) if cells[0] else ""
        if header.startswith("| marker"):
            yield from re.findall(r"`([^`]+)`", cells[0])


@pytest.mark.parametrize("page", SERVICES)
def test_a_marker_on_the_page_of_a_service_is_a_line_of_the_contract(page: str) -> None:
    markers = [marker for marker in markers_of(page) if ":" in marker]
    known = marker_patterns()
    assert markers
    assert [m for m in markers if not any(re.fullmatch(pattern, m) for pattern in known)] == []
