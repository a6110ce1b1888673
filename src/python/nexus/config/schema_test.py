"""The schemas and the models accept the same files, except for what a table lists."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: contents of files, right or wrong.

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema.validators import extend
from pydantic import ValidationError

from nexus.config.config_cases import NODE_A, NODE_B_START, WORLD
from nexus.config.explain import explain
from nexus.config.fields import MODELLED
from nexus.config.schema import BEYOND, FILES, build_schema, model_for, write_schema
from nexus.config.schema_cases import Cases, as_python, changed

ROOT = Path(__file__).parents[4]

# A whole file takes long to draw, and longer where others compute.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _check_pattern(
    _: object, pattern: str, text: object, __: object
) -> Iterator[jsonschema.ValidationError]:
    """JSON Schema's expressions are those of ECMA 262, whose `$` is the very end."""
    if isinstance(text, str) and re.search(as_python(pattern), text) is None:
        yield jsonschema.ValidationError(f"{text!r} does not match {pattern!r}")


Validator = extend(  # type: ignore[no-untyped-call]  # Has no types.
    jsonschema.Draft202012Validator, {"pattern": _check_pattern}
)
SCHEMAS = {kind: build_schema(kind) for kind in FILES}
VALIDATORS = {kind: Validator(schema) for kind, schema in SCHEMAS.items()}


def accepted_by_schema(kind: str) -> st.SearchStrategy[Any]:
    schema = SCHEMAS[kind]
    cases = Cases(schema)
    if kind == "world":
        return cases.valid(schema)
    part = cases.valid({"$ref": "#/$defs/NodeConfigPart"})
    if kind == "node-base":
        return part
    bases = cases.valid(schema["$defs"]["NodeConfigPart"]["properties"]["extends"])
    extending = st.tuples(part, bases).map(lambda drawn: {**drawn[0], "extends": drawn[1]})
    return st.one_of(cases.valid({"$ref": "#/$defs/NodeConfig"}), extending)


CONTENTS = {kind: accepted_by_schema(kind) for kind in FILES}


def find_mistakes(kind: str, content: dict[str, Any]) -> list[str]:
    model = model_for(kind, content)
    try:
        model.model_validate(content)
    except ValidationError as exc:
        return [str(problem) for problem in explain(exc, model)]
    return []


def compare(kind: str, content: dict[str, Any]) -> None:
    """Hold both verdicts against each other."""
    mistakes = find_mistakes(kind, content)
    if not VALIDATORS[kind].is_valid(content):
        assert mistakes, "the schema refuses what the model accepts"
        return
    silent = [line for line in mistakes if not any(beyond.said in line for beyond in BEYOND)]
    assert not silent, "the model refuses what the schema accepts"


@pytest.mark.parametrize("kind", FILES)
@UNHURRIED
@given(st.data())
def test_what_the_schema_accepts_the_model_accepts(kind: str, data: st.DataObject) -> None:
    content = data.draw(CONTENTS[kind])
    assert VALIDATORS[kind].is_valid(content)
    compare(kind, content)


@pytest.mark.parametrize("kind", FILES)
@UNHURRIED
@given(st.data())
def test_both_say_the_same_of_what_was_changed(kind: str, data: st.DataObject) -> None:
    compare(kind, data.draw(changed(CONTENTS[kind])))


GOOD = {
    "node": ("node", NODE_A),
    "small node": ("node", NODE_B_START),
    "extending node": ("node", 'extends = ["a.toml", "b.toml"]\n[node]\nram_mib = 64\n'),
    "part of a node": ("node-base", "[node]\nram_mib = 64\n[dsoftbus]\nport = 7\n"),
    "world": ("world", WORLD),
    "override": ("world", WORLD.replace('image = "other"', "override.node.ram_mib = 64")),
}


@pytest.mark.parametrize(("kind", "text"), GOOD.values(), ids=GOOD)
@UNHURRIED
@given(data=st.data())
def test_both_say_the_same_of_changed_files(kind: str, text: str, data: st.DataObject) -> None:
    content = tomllib.loads(text)
    assert VALIDATORS[kind].is_valid(content)
    assert not find_mistakes(kind, content)
    compare(kind, data.draw(changed(st.just(content))))


def peers(count: int) -> str:
    entry = '{ id = "p", address = "10.42.0.11", port = 1, public_key = { test_seed = "p" } }'
    return f"peer = [{', '.join([entry] * count)}]"


def node(old: str, new: str) -> str:
    assert old in NODE_B_START
    return NODE_B_START.replace(old, new, 1)


# At each side of each border that a form has: both accept, or both refuse.
SERVICE = "[service.{}]\n{} = {}\n[network]"
BUS = '[dsoftbus]\nstatic_key = {{ test_seed = "x" }}\n{}\n[network]'
ACCEPTED = [
    *(node("[network]", SERVICE.format("rngd", tag, '"00"')) for tag in (1, 9999, 10000, 65535)),
    *(node("[network]", SERVICE.format("x", 1, v)) for v in ('""', "[]", '["00", "0a b1"]')),
    *(node("52:", first) for first in ("00:", "fe:", "FE:", "0a:")),
    *(node("10.42.0.11/", a) for a in ("0.0.0.1/", "126.1.2.3/", "128.255.0.1/", "223.1.2.3/")),
    *(node("/24", prefix) for prefix in ("/8", "/9", "/19", "/29")),
    *(node('["logd", "netstackd"]', f"{['s'] * count}") for count in (0, 1, 24)),
    *(node("node-b", text) for text in ("!", "~" * 64)),
    *(node('id = "', f'image = "{text}"\nid = "') for text in ("a", "a" + "-" * 31)),
    *(node("[network]", BUS.format(text)) for text in ("", peers(8), "announce = []")),
    *(WORLD.replace('"1/50"', f'"{text}"') for text in ("0", "1", "0/1", "007/8", "1/1")),
    *(WORLD.replace('"A"', f'"{text}"') for text in ("0", "a" * 16, "A_-9")),
]
REFUSED = [
    *(node("[network]", SERVICE.format(name, 1, '"00"')) for name in (*MODELLED, "X", "1", "a_b")),
    *(node("[network]", SERVICE.format("x", t, '"00"')) for t in (0, "01", 65536, 99999, 100000)),
    *(
        node("[network]", SERVICE.format("x", 1, v))
        for v in ('"0"', '"00  11"', '" 00"', "1", "[1]")
    ),
    *(node("52:", first) for first in ("53:", "ff:", "0B:", "2:", "52-")),
    node("52:54:00:12:34:0b", "00:00:00:00:00:00"),
    *(
        node("10.42.0.11/", f"{a}/")
        for a in ("127.0.0.1", "224.0.0.1", "255.1.1.1", "1.2.3", "01.2.3.4")
    ),
    *(node("/24", prefix) for prefix in ("/7", "/31", "/024", "", "/", "/255.255.255.0")),
    *(node('["logd", "netstackd"]', f"{['s'] * count}") for count in (25,)),
    *(node("node-b", text) for text in ("", "a b", "a\\n", "~" * 65, "\u00e9")),
    *(node('id = "', f'image = "{text}"\nid = "') for text in ("", "A", "1", "a" * 33, "a\\n")),
    *(node("[network]", BUS.format(text)) for text in (peers(9), "port = 0", "rate = { x = 1 }")),
    *(
        node("[network]", BUS.replace('"x"', v).format(""))
        for v in ('""', "1", '"a b"', '"x", y = 1')
    ),
    *(WORLD.replace('"1/50"', f'"{text}"') for text in ("", "2", "1/0", "1/02", "-1/2", "1/2 ")),
    *(WORLD.replace('"A"', f'"{text}"') for text in ("", "_", "a" * 17)),
    *(WORLD.replace('"launch"', text) for text in ('"Launch"', '"boot"', "1")),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_both_accept_what_lies_inside(text: str) -> None:
    content = tomllib.loads(text)
    kind = "node" if "node" in content else "world"
    assert VALIDATORS[kind].is_valid(content)
    assert not find_mistakes(kind, content)


@pytest.mark.parametrize("text", REFUSED)
def test_both_refuse_what_lies_outside(text: str) -> None:
    content = tomllib.loads(text)
    kind = "node" if "node" in content else "world"
    assert not VALIDATORS[kind].is_valid(content)
    assert find_mistakes(kind, content)


# For each entry of the table, a file that shows it: the schema accepts, the model refuses.
SHOWN = [
    (NODE_A.replace("34567", "34567.0"), "expected an integer"),
    (NODE_A.replace("10.42.0.10/24", "10.42.0.0/24"), "is not a host of"),
    (WORLD.replace('"1/50"', '"2/1"'), "expected a ratio n/m between 0 and 1"),
    (WORLD.replace("ok .*", "ok ("), "is not a regular expression"),
    (WORLD.replace('"dsoftbusd: cross-vm session ok .*"', '"a*"'), "matches an empty line"),
    (WORLD.replace("kernel: panic", "kernel:\u00a0panic"), "printable characters"),
]


@pytest.mark.parametrize(("text", "said"), SHOWN, ids=[said for _, said in SHOWN])
def test_each_difference_in_the_table_is_one(text: str, said: str) -> None:
    content = tomllib.loads(text)
    kind = "node" if "node" in content else "world"
    assert VALIDATORS[kind].is_valid(content)
    [mistake] = find_mistakes(kind, content)
    assert said in mistake


def test_the_table_of_differences_is_shown_whole() -> None:
    assert [said for _, said in SHOWN] == [beyond.said for beyond in BEYOND]


@pytest.mark.parametrize("kind", FILES)
def test_the_published_schema_is_that_of_the_models(kind: str) -> None:
    published = ROOT / "docs" / "schema" / FILES[kind]
    again = f"python -m nexus.config.schema {kind} > docs/schema/{FILES[kind]}"
    assert published.read_text() == write_schema(kind), f"write it again: {again}"


@pytest.mark.parametrize("kind", FILES)
def test_the_schema_is_one_and_offers_no_null(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])
    assert "null" not in json.dumps(SCHEMAS[kind])
