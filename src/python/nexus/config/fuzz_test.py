"""Whatever stands in a file, a user gets lines and never a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.config.checked import check_node
from nexus.config.compile import compile_node
from nexus.config.config_cases import NODE_A, NODE_B_START, WORLD, write_world
from nexus.config.error import ConfigError
from nexus.config.load import load_any, parse
from nexus.config.node import NodeConfig
from nexus.config.world import WorldConfig
from nexus.config.world_rules import find_world_problems

WORDS = [word for text in (NODE_A, NODE_B_START, WORLD) for word in text.split()]
KEYS = ["node", "id", "mac", "dsoftbus", "peer", "static_key", "public_key", "service", "expect"]

# Values that TOML can hold, under keys that mean something and keys that do not.
VALUES = st.recursive(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(["52:54:00:12:34:0a", "10.42.0.10/24", "node-a", "samgrd"]),
        st.integers(),
        st.floats(),
        st.booleans(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), inner, max_size=4),
    ),
    max_leaves=12,
)
TABLES = st.dictionaries(
    st.sampled_from([*NodeConfig.model_fields, *WorldConfig.model_fields, "route", "oops"]),
    VALUES,
    max_size=6,
)


@contextmanager
def refused_by_lines(source: str) -> Iterator[None]:
    """Let a table be refused, if each line of it says where."""
    try:
        yield
    except ConfigError as exc:
        check_lines(exc, source)


@given(TABLES)
def test_any_tables_are_read_or_refused(data: dict[str, object]) -> None:
    with refused_by_lines("w.toml"):
        find_world_problems(parse(WorldConfig, data, "w.toml"))
    with refused_by_lines("n.toml"):
        compile_node(check_node(parse(NodeConfig, data, "n.toml")))


def check_lines(error: ConfigError, source: str) -> None:
    lines = str(error).split("\n")
    assert all(line.startswith(f"{source}: ") for line in lines)
    assert all(len(line) < 400 for line in lines)


@given(st.data())
def test_a_file_with_words_changed_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from([NODE_A, WORLD]))
    words = text.split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(words) - 1))
        words[index] = data.draw(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)))
    folder = tmp_path_factory.mktemp("fuzz")
    changed = " ".join(words)
    path = write_world(folder, **({"a": changed} if text is NODE_A else {"world": changed}))
    with contextlib.suppress(ConfigError):
        load_any(path)


NESTED = "x = " + "[" * 5000 + "]" * 5000
STRANGE = {
    "nested": NESTED,
    "long-integer": "seed = " + "9" * 5000,
    "null-in-key-file": NODE_A.replace('{ test_seed = "node-a" }', '{ file = "a\\u0000b" }'),
    "null-in-path": WORLD.replace("node-a.toml", "a\\u0000b"),
    "huge-repeat": WORLD.replace("ok .*", "a{99999999999}"),
    "long-tag": NODE_A + f'[service.rngd]\n{"9" * 5000} = "00"\n',
    "date": NODE_A.replace("34567", "1979-05-27"),
    "line-breaks-in-keys": WORLD + '["a\\nb"]\n"c\\u2028d" = 1\n',
    "infinity": NODE_A.replace("34567", "inf"),
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_files_are_refused(tmp_path: Path, text: str) -> None:
    path = write_world(tmp_path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_any(path)
    assert all(line.startswith(str(tmp_path)) for line in str(caught.value).split("\n"))
