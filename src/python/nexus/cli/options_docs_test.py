"""The commands with the most options have a page with a table of them: it lacks none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.cli.describing import describe_all


@pytest.mark.parametrize(
    ("command", "page"), [("os2vm", "docs/testing.md"), ("vm run", "docs/emulator.md")]
)
def test_every_option_of_a_command_is_on_its_page(command: str, page: str) -> None:
    text = Path(page).read_text(encoding="utf-8")
    (described,) = (each for each in describe_all() if each.name == command)
    options = [option.names for option in described.options if "--help" not in option.names]
    assert len(options) > 10
    missing = [names for names in options if not any(f"`{name}" in text for name in names)]
    assert missing == []
