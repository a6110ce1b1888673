"""A `quick_pex` depends on one PEX, and says what else it was given."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.backend.python.target_types import PexBinary, PythonSourcesGeneratorTarget
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException, Targets

from nexus_release.quick_pex import find_pex

OWNER = Address("cli", target_name="nexus")
PROGRAM = PexBinary({"entry_point": "main.py"}, Address("cli", target_name="program"))
SOURCES = PythonSourcesGeneratorTarget({}, Address("cli", target_name="sources"))


def test_the_one_pex_is_found() -> None:
    assert find_pex(OWNER, Targets([PROGRAM])) is PROGRAM


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([], "is nothing"),
        ([SOURCES], r"is cli:sources \(`python_sources`\)"),
        ([PROGRAM, PROGRAM], "is cli:program .*, cli:program "),
    ],
)
def test_anything_else_is_named(targets, said: str) -> None:
    with pytest.raises(InvalidFieldException, match=f"field of cli:nexus {said}.*Expected one"):
        find_pex(OWNER, Targets(targets))
