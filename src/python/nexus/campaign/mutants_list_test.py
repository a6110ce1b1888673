"""Each deliberate mistake has its place in the sources: a text that is there once.

Every run of the tests builds only some of the mutants, so this holds the others to the sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nexus.campaign.mutants import MutantConfig, read_list

ROOT: Final = Path(__file__).parents[4]
MUTANTS: Final = read_list(ROOT / "testprojects/fault_worlds/mutants.toml")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_of_the_sources(mutant: MutantConfig) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.find) == 1
    assert mutant.replace != mutant.find
