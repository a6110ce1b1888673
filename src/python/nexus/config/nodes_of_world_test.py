"""The nodes of a world: every mistake in any of them is named, whatever is wrong with another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.config.config_cases import NODE_B_START, WORLD, load_world, write_world
from nexus.config.error import ConfigError

MISSING_A = r"world\.toml:\d+: machine\[0\]\.node: 'none-a\.toml' is a missing node file"
MISSING_B = r"world\.toml:\d+: machine\[1\]\.node: 'none-b\.toml' is a missing node file"
WRONG_B = r"node-b\.toml:\d+: node\.mca: "


@pytest.mark.parametrize(
    ("missing", "b", "said"),
    [
        ("a", NODE_B_START, [MISSING_A]),
        ("b", NODE_B_START, [MISSING_B]),
        ("ab", NODE_B_START, [MISSING_A, MISSING_B]),
        ("a", NODE_B_START.replace("mac", "mca"), [MISSING_A, WRONG_B]),
    ],
)
def test_a_missing_file_hides_no_mistake_of_the_machines_behind_it(
    tmp_path: Path, missing: str, b: str, said: list[str]
) -> None:
    world = re.sub(rf"node-([{missing}])\.toml", r"none-\1.toml", WORLD)
    path = write_world(tmp_path, world=world, b=b)
    with pytest.raises(ConfigError) as caught:
        load_world(path)
    text = str(caught.value)
    for pattern in said:
        assert re.search(pattern, text), text
    assert text.count("missing node file") == len(missing)
