"""Mistakes of people who write files: each is one line with file, line and a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.config.check import main
from nexus.config.config_cases import NODE_A, NODE_B_START, WORLD, load_world, write_world
from nexus.config.error import ConfigError, show
from nexus.config.load import load_any, load_node


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_any(path)
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


def node(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text)
    return path


# (what is replaced, by what, the whole line that is said)
NODE_MISTAKES = [
    (
        "10.42.0.10/24",
        "10.42.0.11/24",
        "node.toml:15: dsoftbus.peer[0].address: '10.42.0.11' is this node's own address",
    ),
    (
        "[selftest]",
        '[[policy.grant]]\nservice = "a"\ncapability = "b"\n[[policy.grant]]\nservice = "a"\n'
        'capability = "b"\n[selftest]',
        "node.toml:28: policy.grant[1]: 'a b' is a duplicate grant, see policy.grant[0]",
    ),
    (
        "[network]",
        'start = ["logdd", "netstackd", "dsoftbusd", "selftest-client"]\n[network]',
        "node.toml:5: node.start[0]: 'logdd' is not a service that is known; did you mean 'logd'?"
        " A service that is called so has a table [service.logdd]",
    ),
    (
        "[network]",
        'start = ["netstackd", "selftest-client"]\n[network]',
        "node.toml:9: dsoftbus: is for 'dsoftbusd', which is not started: add it to node.start",
    ),
    (
        "[selftest]",
        '[service.rngs]\n1 = "00"\n[selftest]',
        "node.toml:25: service.rngs: is for 'rngs', which is not started: add it to node.start;"
        " did you mean 'rngd'?",
    ),
    ("port = 34567", "port = true", "node.toml:10: dsoftbus.port: true; expected an integer"),
    (
        "port = 34567",
        "port = { a = [1979-05-27, 'x'] }",
        "node.toml:10: dsoftbus.port: { a = [1979-05-27, 'x'] }; expected an integer",
    ),
    (
        "port = 34567",
        f"port = 0x{'f' * 5000}",
        "node.toml:10: dsoftbus.port: an integer of 20000 bits; expected 1..65535",
    ),
    (
        "port = 34567",
        f"port = {'1' * 5000}",
        "node.toml:10: an integer of 5000 digits; expected at most 19, as TOML has them",
    ),
    (
        "[[dsoftbus.peer]]",
        "[dsoftbus.peer]",
        "node.toml:13: dsoftbus.peer: is a table; expected a list of tables, each below a header"
        " [[dsoftbus.peer]]",
    ),
    (
        "[selftest]",
        "[selftest]\nprove = { packages = 1 }",
        "node.toml:26: selftest.prove: is a table; expected a list, such as [...]",
    ),
    (
        "[node]",
        "extends = 3\n[node]",
        "node.toml:1: extends: 3; expected a file's name, or a list of them",
    ),
    (
        "[node]",
        'extends = ["node.toml"]\n[node]',
        "node.toml:1: extends[0]: 'node.toml' extends itself: node.toml > node.toml",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), NODE_MISTAKES)
def test_a_mistake_in_a_node(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert mistakes(node(tmp_path, NODE_A.replace(old, new, 1))) == [said]


WORLD_MISTAKES = [
    (
        'machine = "B"',
        'machine = "C"',
        "world.toml:26: expect[1].machine: 'C' is an unknown machine; expected A, B",
    ),
    (
        "[link]",
        "[[reboot]]\nmachine = 'A'\n[link]",
        "world.toml:2: reboot[0]: expected exactly one of at_ms and after",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), WORLD_MISTAKES)
def test_a_mistake_in_a_world(tmp_path: Path, old: str, new: str, said: str) -> None:
    (line,) = mistakes(write_world(tmp_path, world=WORLD.replace(old, new, 1)))
    assert line.startswith(said.split(":")[0])
    assert line.split(": ", 1)[1].startswith(said.split(": ", 1)[1])
    assert line.split(":")[1].isdecimal()


def test_an_expectation_below_a_single_header(tmp_path: Path) -> None:
    text = WORLD[: WORLD.index("[[expect]]")] + '[expect]\nmachine = "A"\n'
    (line,) = mistakes(write_world(tmp_path, world=text))
    assert line.endswith(
        ": expect: is a table; expected a list of tables, each below a header [[expect]]"
    )


def test_what_machines_share_names_the_line_of_the_node(tmp_path: Path) -> None:
    path = write_world(tmp_path, b=NODE_A)
    lines = mistakes(path)
    assert "machine B: node.id: 'node-a' is a duplicate device id; machine A has it too" in lines[2]
    assert lines[2].endswith("(node-b.toml:2)")


@pytest.mark.parametrize("kind", ["folder", "loop", "missing"])
def test_a_node_file_that_is_no_file(kind: str, tmp_path: Path) -> None:
    path = write_world(tmp_path)
    named = tmp_path / "node-b.toml"
    named.unlink()
    make: dict[str, Callable[[], None]]
    make = {"folder": named.mkdir, "loop": lambda: named.symlink_to(named), "missing": lambda: None}
    make[kind]()
    said = {
        "folder": "is a folder; expected a node file",
        "loop": "is a link that leads to itself; expected a node file",
        "missing": "is a missing node file; looked for node-b.toml",
    }
    (line,) = mistakes(path)
    assert f"machine[1].node: 'node-b.toml' {said[kind]}" in line


@pytest.mark.parametrize("text", [WORLD, 'extends = "more.toml"\n[[machine]]\n'])
def test_a_node_file_that_is_a_world(text: str, tmp_path: Path) -> None:
    path = write_world(tmp_path)
    (tmp_path / "node-b.toml").write_text(text)
    assert mistakes(path) == ["node-b.toml: is a world file; expected a node file"]


def test_a_node_file_with_a_key_of_a_world_is_still_one(tmp_path: Path) -> None:
    path = write_world(tmp_path)
    named = tmp_path / "node-b.toml"
    named.write_text(f"seed = 3\n{named.read_text().replace('[node]', '[nodes]')}")
    assert any("did you mean 'node'?" in line for line in mistakes(path))


EXPECTED = "expected [node] of a node's file, or [[machine]] of a world's"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", [f"x.toml: says nothing; {EXPECTED}"]),
        ("# a note\n", [f"x.toml: says nothing; {EXPECTED}"]),
        ("extends = []\n", ["x.toml:1: extends: []; expected 1..8 files"]),
        (
            "[nod]\n[machines]\nfoo = 1\n",
            [
                f"x.toml:1: nod: unknown key; {EXPECTED}; did you mean 'node'?",
                f"x.toml:2: machines: unknown key; {EXPECTED}; did you mean 'machine'?",
            ],
        ),
    ],
)
def test_a_file_that_is_neither_a_node_nor_a_world(
    text: str, said: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    assert mistakes(path) == said


def test_of_very_many_keys_the_first_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("".join(f"k{number} = 1\n" for number in range(3_000)))
    lines = mistakes(path)
    assert len(lines) == 101
    assert lines[-1] == "x.toml: has 2900 more mistakes; mend these first"


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_an_exact_length_says_so(count: int, tmp_path: Path) -> None:
    between = ["A", "B", "A"][:count]
    cut = f"[[link.cut]]\nstart_ms = 1\nend_ms = 2\nbetween = {between}\n"
    path = write_world(tmp_path, world=f"{WORLD}{cut}")
    found = "1 entry" if count == 1 else f"{count} entries"
    (line,) = mistakes(path)
    assert line.endswith(f"link.cut[0].between: {found}; expected 2 entries")


def test_machines_of_one_label_are_listed_once(tmp_path: Path) -> None:
    path = write_world(tmp_path, world=WORLD.replace('label = "B"', 'label = "A"', 1))
    assert any(line.endswith("'B' is an unknown machine; expected A") for line in mistakes(path))


@pytest.mark.parametrize("kind", ["folder", "loop", "missing"])
def test_a_file_that_is_none(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.toml"
    make: dict[str, Callable[[], None]]
    make = {"folder": path.mkdir, "loop": lambda: path.symlink_to(path), "missing": lambda: None}
    make[kind]()
    assert main([str(path)]) == 20
    message = capsys.readouterr().err
    assert message.startswith(f"error: {path}: ")
    assert message.count("\n") == 1


def test_an_empty_name_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([""]) == 20
    assert capsys.readouterr().err == (
        "error: argument FILE: '' is not a path; expected the name of a file or folder"
        " (see nexus config check --help)\n"
    )


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(b"\xef\xbb\xbf" + NODE_A.encode())
    assert load_node(path).node.id == "node-a"


def test_a_service_of_ones_own_may_be_called_nearly_as_ours(tmp_path: Path) -> None:
    started = 'start = ["logdd", "netstackd", "dsoftbusd", "selftest-client"]\n[network]'
    text = NODE_A.replace("[network]", started, 1) + '\n[service.logdd]\n1 = "00"\n'
    assert load_node(node(tmp_path, text)).node.start[0] == "logdd"


def test_a_guest_that_starts_nothing_may_have_tables(tmp_path: Path) -> None:
    text = NODE_A[: NODE_A.index("[selftest]")].replace("[network]", "start = []\n[network]", 1)
    assert load_node(node(tmp_path, text)).network is not None


def test_the_files_of_tests_have_no_mistakes(tmp_path: Path) -> None:
    assert load_world(write_world(tmp_path)).machines


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        ("it's", '"it\'s"'),
        ('a"\\\n', '"a\\"\\\\\\u000a"'),
        ("\U0001f600", "'\U0001f600'"),
        ([False, 1.5, "x"], "[false, 1.5, 'x']"),
        ({"a b": {"c": []}}, "{ 'a b' = { c = [] } }"),
        ({}, "{}"),
        (float("inf"), "inf"),
        (-(1 << 64), "-18446744073709551616"),
        ("x" * 100, "'" + "x" * 78 + "…"),
    ],
)
def test_values_are_shown_as_toml(value: object, shown: str) -> None:
    assert show(value) == shown


def test_every_bad_node_of_a_world_is_named(tmp_path: Path) -> None:
    bad_a, bad_b = NODE_A.replace("mac", "mca"), NODE_B_START.replace("/24", "")
    path = write_world(tmp_path, world=WORLD + 'oops = "x"\n', a=bad_a, b=bad_b)
    with pytest.raises(ConfigError, match="oops"):
        load_world(path)
    with pytest.raises(ConfigError) as caught:
        load_world(write_world(tmp_path, a=bad_a, b=bad_b))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0].rsplit("/")[-1] for line in lines] == [
        "node-a.toml:1",
        "node-a.toml:3",
        "node-b.toml:7",
    ]
