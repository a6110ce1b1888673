"""Files' contents for tests: made from a JSON Schema, and then changed in one place.

Only what our own schemas use is understood.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any  # Any: contents of files, right or wrong.

from hypothesis import strategies as st

from nexus.config.layers import list_locations

# More of them show nothing new, and take long to draw.
ENTRIES_DRAWN_MAX = 1
KEYS_DRAWN_MAX = 3
ASCII = st.characters(codec="ascii")

# At the ends of ranges, and of every type.
_NUMBERS: list[Any] = [-1, 0, 1, 2, 8, 16, 2048, 2049, 65535, 65536, 1 << 63, 1.0, 0.5, True, False]
_KEY: Any = {"file": "x", "test_seed": "y"}
_TABLES: list[Any] = [{}, {"x": 1}, {"test_seed": "x"}, {"file": "x"}, _KEY]
_LISTS: list[Any] = [[], ["x"], [["x"]], [1], ["samgrd"]]
# Nearly something, one a word.
_WORDS = """
x X 0 1 -1 1/2 2/1 1/0 +1/2 1_0/99 0/1 01/2 1/02 node-a A client Client init 00 0g 1e a( a* .* [^a]
52:54:00:12:34:0a 53:54:00:12:34:0a 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 10.42.0.10 10.42.0.010
127.0.0.1 224.0.0.1 0.0.0.0 223.255.255.255 10.42.0.10/24 10.42.0.0/24 10.42.0.10/7 10.42.0.10/31
10.42.0.10/024 10.42.0.10/255.255.255.0 256.1.1.1 1.2.3 \u0661.2.3.4 \u00e9 x\x7f
"""
_LENGTHS = ["", "a" * 33, "a" * 65, "a" * 1001, "00" * 32, "00" * 33]
_TEXTS = [*_LENGTHS, " ", "node-a\n", "00 11", "00  11", "x\u00a0y"]
ODD = [*_NUMBERS, *_TABLES, *_LISTS, *_WORDS.split(), *_TEXTS]
KEYS = ["x", "node", "id", "mac", "extends", "static_key", "0", "1", "65536", "init", "[key]"]


class Cases:
    """Draws what a schema accepts; each part of the schema gets one strategy."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Take a whole schema, with what it refers to."""
        self._definitions: Mapping[str, Any] = schema["$defs"]
        self._made: dict[str, st.SearchStrategy[Any]] = {}

    def valid(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        """Draw what a part of the schema accepts."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._made:
            self._made[key] = self._make(schema)
        return self._made[key]

    def _make(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self.valid(self._definitions[str(schema["$ref"]).rpartition("/")[2]])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        forms = schema.get("anyOf", schema.get("oneOf"))
        if forms:
            return st.one_of([self.valid(entry) for entry in forms])
        match schema["type"]:
            case "string":
                return _text(schema)
            case "integer":
                low, high = schema["minimum"], schema["maximum"]
                return st.one_of(st.sampled_from([low, high]), st.integers(low, high))
            case "boolean":
                return st.booleans()
            case "array":
                least = schema.get("minItems", 0)
                entries = self.valid(schema["items"])
                most = min(least + ENTRIES_DRAWN_MAX, schema.get("maxItems", 1000))
                return st.lists(entries, min_size=least, max_size=most)
            case "object":
                return self._table(schema)
        raise NotImplementedError(schema)

    def _table(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if "properties" not in schema:
            keys = self.valid(schema["propertyNames"])
            return st.dictionaries(keys, self.valid(schema["additionalProperties"]), max_size=1)
        properties = {key: self.valid(value) for key, value in schema["properties"].items()}
        required = {key: properties.pop(key) for key in schema.get("required", ())}
        if not properties:
            return st.fixed_dictionaries(required)
        names = st.sets(st.sampled_from(sorted(properties)), max_size=KEYS_DRAWN_MAX)
        return names.flatmap(
            lambda drawn: st.fixed_dictionaries(
                {**required, **{name: properties[name] for name in sorted(drawn)}}
            )
        )


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    most = schema.get("maxLength", 1000)
    if "pattern" not in schema:
        return st.text(max_size=min(most, 20))
    pattern = as_python(schema["pattern"])
    drawn = st.from_regex(pattern, alphabet=ASCII)
    if "[^" in pattern:  # The others have no other characters.
        drawn = st.one_of(drawn, st.text(min_size=1, max_size=8))
    least, refused = schema.get("minLength", 0), schema.get("not", {})
    no = refused.get("enum", [refused.get("const")])
    return drawn.filter(
        lambda text: (
            least <= len(text) <= most and text not in no and re.search(pattern, text) is not None
        )
    )


def as_python(pattern: str) -> str:
    """Turn an expression's end into Python's: there `$` stands before a last line end, too."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    return rf"\A{pattern[1:-1]}\Z"


@st.composite
def changed(draw: st.DrawFn, contents: st.SearchStrategy[Any]) -> Any:
    """Draw a content and change one place of it."""
    content = copy.deepcopy(draw(contents))
    places = [place for place in list_locations(content) if place]
    if not places or draw(st.integers(0, 9)) == 0:
        content[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(ODD))
        return content
    *outer, key = draw(st.sampled_from(places))
    table: Any = content
    for step in outer:
        table = table[step]
    _change(draw, table, key)
    return content


def _change(draw: st.DrawFn, table: Any, key: Any) -> None:
    value = table[key]
    match draw(st.sampled_from(["odd", "delete", "add", "repeat", "edge", "rename"])):
        case "delete":
            del table[key]
        case "add" if isinstance(value, dict):
            value[draw(st.sampled_from(KEYS))] = draw(st.sampled_from(ODD))
        case "repeat" if isinstance(value, list) and value:
            value.extend([value[0]] * draw(st.sampled_from([1, 7, 8, 23, 24, 63, 64, 256])))
        case "rename" if isinstance(key, str):
            table[key + draw(st.sampled_from(["x", "\n", "_"]))] = table.pop(key)
        case "edge" if isinstance(value, str):
            more = draw(st.sampled_from(["\n", " ", "x", "0", ":", "/8", "\u0660", "\u2028"]))
            table[key] = draw(st.sampled_from([value + more, more + value, value[1:], value[:-1]]))
        case "edge" if isinstance(value, int) and not isinstance(value, bool):
            table[key] = draw(st.sampled_from([value - 1, value + 1, float(value), str(value)]))
        case _:
            table[key] = draw(st.sampled_from(ODD))
