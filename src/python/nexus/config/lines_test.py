"""Every value that `tomllib` reads has a line, and it is the one it stands on."""

from __future__ import annotations

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.config.layers import list_locations
from nexus.config.lines import find_lines

TEXT = '''\
# A comment with [brackets] and a = sign.
top = 1
"quoted key"."b.c" = "x # no comment"
multi = """
[no.header]
""""
list = [ # comment
    1, 2,
    { a = 1, b.c = [3] },
]

[table] # one
key = 'literal \\'
when = 1979-05-27 07:32:00

[[entry]]
id = 1
  [entry.inner]
  id = 2
[[entry.deep]]
x = 1
[[entry]]
id = 3
[[entry.deep]]
[[entry.deep]]
x = {}
'''

LINES = {
    (): 1,
    ("top",): 2,
    ("quoted key",): 3,
    ("quoted key", "b.c"): 3,
    ("multi",): 4,
    ("list",): 7,
    ("list", 0): 8,
    ("list", 1): 8,
    ("list", 2): 9,
    ("list", 2, "a"): 9,
    ("list", 2, "b"): 9,
    ("list", 2, "b", "c"): 9,
    ("list", 2, "b", "c", 0): 9,
    ("table",): 12,
    ("table", "key"): 13,
    ("table", "when"): 14,
    ("entry",): 16,
    ("entry", 0): 16,
    ("entry", 0, "id"): 17,
    ("entry", 0, "inner"): 18,
    ("entry", 0, "inner", "id"): 19,
    ("entry", 0, "deep"): 20,
    ("entry", 0, "deep", 0): 20,
    ("entry", 0, "deep", 0, "x"): 21,
    ("entry", 1): 22,
    ("entry", 1, "id"): 23,
    ("entry", 1, "deep"): 24,
    ("entry", 1, "deep", 0): 24,
    ("entry", 1, "deep", 1): 25,
    ("entry", 1, "deep", 1, "x"): 26,
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_each_value_has_its_line(line_end: str) -> None:
    text = TEXT.replace("\n", line_end)
    assert find_lines(text) == LINES
    assert set(LINES) == set(list_locations(tomllib.loads(text)))


PIECES = st.sampled_from(
    [
        "a = 1",
        "b.c = 'x'",
        '"d e".f = [1, [2, {g = 3}], """\n"""]',
        "[h]",
        "[h.i]",
        "[[j]]",
        "[[j.k]]",
        "[j.l]",
        "[[h.m]]",
        'n = {o.p = "}", q = []}',
        "r = '''\n[s]\n''''",
        "# [t]",
        "",
        "u = -1.5e3 # v = 1",
        "w = 1979-05-27T07:32:00Z",
        'x = "\\"]"',
        "y = [\n# ]\n1,\n]",
    ]
)


def accepted(text: str) -> list[dict[str, object]]:
    """Return what a text is read as; none if it is not a table."""
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return [tomllib.loads(text)]
    return []


@given(st.lists(PIECES, max_size=14))
def test_any_accepted_file_has_a_line_for_every_value(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    for data in accepted(text):
        lines = find_lines(text)
        assert set(lines) == set(list_locations(data))
        assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
