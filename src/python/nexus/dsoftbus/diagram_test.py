"""The diagrams of docs/spec are those of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.dsoftbus.diagram import DIAGRAMS, stream_diagram

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("page", DIAGRAMS)
def test_a_page_holds_the_diagrams_of_its_tables(page: str) -> None:
    text = (ROOT / page).read_text()
    for diagram in DIAGRAMS[page]:
        assert diagram in text, "print them anew: python -m nexus.dsoftbus.diagram"
    assert text.count("```mermaid") == len(DIAGRAMS[page])


def test_every_state_is_in_the_diagram() -> None:
    drawn = stream_diagram()
    for state in ("open", "half_closed_local", "half_closed_remote", "closed", "reset"):
        assert f"    {state} --> " in drawn
