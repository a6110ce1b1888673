"""The files that a configuration names, whatever parser reads it."""

from __future__ import annotations

import pytest  # pants: no-infer-dep

from nexus_os.references.config_references import (
    image_names,
    is_node,
    is_world,
    parse,
    referenced_paths,
)

WORLD = """\
seed = 1  # 'quoted = "text"'
[link]
delay_us = 500
[[machine]]
label = "A"
node = "node-a.toml"
[[machine]]
label = "B"
node = "../nodes/node-b.toml"
[machine.override.dsoftbus]
static_key = { file = "keys/b.key" }
[[expect]]
machine = "A"
marker = "node = \\"no.toml\\""
"""


def paths(text: str):
    return referenced_paths("ci/w.toml", parse(text))


def test_world_names_its_nodes_and_keys_relative_to_itself() -> None:
    assert paths(WORLD) == ("ci/keys/b.key", "ci/node-a.toml", "nodes/node-b.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('extends = "base.toml"', ("ci/base.toml",)),
        ('extends = ["b.toml", "../a.toml"]\n[node]\nid = "x"', ("a.toml", "ci/b.toml")),
        ('[dsoftbus]\nstatic_key = { file = "a.key" }', ("ci/a.key",)),
        ('[dsoftbus.static_key]\ntest_seed = "a"', ()),
        ('[node]\nid = "a"\nnode = "b.toml"', ()),
        ("", ()),
    ],
)
def test_other_forms_of_a_reference_are_read(text: str, expected) -> None:
    assert paths(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "no toml at all [",
        '[[machine]]\nnode = "a.toml"\n[[machine',
        "extends = 3",
        "extends = [1, 2]",
        'machine = "A"',
        "machine = [1]",
        "[[machine]]\nnode = 7",
        "x = [" * 2000,
        "[[machine]]\n=\n",
        "\0",
    ],
)
def test_file_of_another_shape_names_nothing(text: str) -> None:
    assert paths(text) == ()


def test_images_are_named_by_what_boots_and_by_drives() -> None:
    text = (
        '[node]\nimage = "kernel"\n[packages]\nimage = "pkgs"\n[state]\ndisk = "old"\n'
        '[[machine]]\nimage = "system"\n[machine.override.node]\nimage = "other"\n'
    )

    assert image_names(parse(text)) == {"kernel", "old", "other", "pkgs", "system"}


def test_kinds_are_told_apart_by_what_only_one_has() -> None:
    world, node, other = parse(WORLD), parse('[node]\nid = "a"'), parse('[tool.x]\nnode = "a"')

    assert (is_world(world), is_node(world)) == (True, False)
    assert (is_world(node), is_node(node)) == (False, True)
    assert (is_world(other), is_node(other)) == (False, False)
