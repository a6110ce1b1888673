"""The output of `./pants help TARGET` for our targets is written by us, and has an example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Tuple, Type

import pytest  # pants: no-infer-dep
from pants.engine.target import COMMON_TARGET_FIELDS, Field, Target

from nexus_os import register

TARGETS = register.target_types()

# Pants describes what it gives to every target of a kind better than we would.
OF_PANTS = {field.alias for field in COMMON_TARGET_FIELDS} | {"output_path"}


def fields() -> List[Tuple[Type[Target], Type[Field]]]:
    return [
        (target, field)
        for target in TARGETS
        for field in target.core_fields
        if field.alias not in OF_PANTS and not field.alias.startswith("_")
    ]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.alias)
def test_target_is_explained_by_an_example(target: Type[Target]) -> None:
    text = target.help if isinstance(target.help, str) else target.help()

    assert f"{target.alias}(" in text, "shows how a BUILD file has it"


@pytest.mark.parametrize(("target", "field"), fields(), ids=lambda each: each.alias)
def test_field_is_explained_by_us(target: Type[Target], field: Type[Field]) -> None:
    theirs = {
        base.__dict__.get("help") for base in field.__mro__ if "nexus_os" not in base.__module__
    }

    assert field.help not in theirs


# The parts, each of which may import those above it.
PARTS = (
    "targets",
    "references",
    "inference",
    "sealing",
    "programs",
    "schemas",
    "zig",
    "images",
    "emulator",
    "boots",
    "faults",
    "authoring",
)
IMPORT = re.compile(r"^from nexus_os\.(\w+)[\w.]* import ", re.MULTILINE)
ROOT = Path(register.__file__).parent


def test_every_folder_is_a_part() -> None:
    assert {path.parent.name for path in ROOT.glob("*/*.py")} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_those_above_it(part: str) -> None:
    sources = [path for path in (ROOT / part).glob("*.py") if not path.stem.endswith("_test")]
    imported = {name for path in sources for name in IMPORT.findall(path.read_text())}

    assert imported <= {"options", *PARTS[: PARTS.index(part) + 1]}
