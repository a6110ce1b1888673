"""docs/spec/contract.md is what the schemas say now."""

from __future__ import annotations

from pathlib import Path

from nexus.schema.reading import read_modules
from nexus.schema.tables import write_page

ROOT = Path(__file__).parents[4]
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
