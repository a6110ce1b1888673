"""Values over those of the files: in a world for a machine, and on the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.config import blob, check
from nexus.config.compile import compile_node
from nexus.config.config_cases import NODE_A, WORLD, load_world, write_world
from nexus.config.error import ConfigError
from nexus.config.keys import derive_test_secret
from nexus.config.load import load_any, load_node
from nexus.config.node import NodeConfig
from nexus.config.settings import SETTINGS_MAX, parse_settings
from nexus.core.errors import UsageError

SHARED = """\
[[machine]]
label = "A"
node = "node-b.toml"

[[machine]]
label = "B"
node = "node-b.toml"

[machine.override]
node = { id = "node-c", mac = "52:54:00:12:34:0c" }
network.address = "10.42.0.12/24"

[[expect]]
machine = "A"
phase = "launch"
marker = "init: ready"
"""
IN_LINE = SHARED.replace("\n[machine.override]\n", "override.").replace("\nnet", "\noverride.net")


def mistakes(path: Path, *given: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_any(path, parse_settings(given))
    return [line.replace(f"{path.parent}/", "") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("text", [SHARED, IN_LINE], ids=["table", "in-line"])
def test_machines_may_share_a_node_file(tmp_path: Path, text: str) -> None:
    world = load_world(write_world(tmp_path, world=text))
    first, second = (machine.node for machine in world.machines)
    assert (first.node.id, second.node.id) == ("node-b", "node-c")
    assert first.node.start == second.node.start == ("logd", "netstackd")
    assert second.network is not None
    assert second.network.address == "10.42.0.12/24"


def test_a_key_file_of_an_override_lies_beside_the_world(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "own.key").write_text(derive_test_secret("x").hex())
    (tmp_path / "own.key").chmod(0o600)
    write_world(tmp_path / "nodes")
    text = WORLD.replace('"node-', '"nodes/node-').replace(
        'label = "A"', 'label = "A"\noverride.dsoftbus.static_key = { file = "own.key" }'
    )
    path = tmp_path / "world.toml"
    path.write_text(text)
    first = load_world(path).machines[0].node
    assert first.dsoftbus is not None
    assert first.dsoftbus.static_key.secret() == derive_test_secret("x")


# (the override of machine B, the one line)
OVERRIDE_MISTAKES = [
    (
        "node.ram_mb = 64",
        "world.toml: machine[1].override.node.ram_mb: unknown key; expected id, mac, image,"
        " ram_mib, start; did you mean 'ram_mib'?",
    ),
    ("nod.id = 'x'", "world.toml: machine[1].override.nod: unknown key; expected node"),
    ("extends = 'x'", "world.toml: machine[1].override.extends: unknown key; expected node"),
    ("node.ram_mib = 1", "world.toml: machine[1].override.node.ram_mib: 1; expected 16..2048"),
    (
        "selftest.mode = 'clint'",
        "world.toml: machine[1].override.selftest.mode: 'clint'; expected single, client,"
        " server; did you mean 'client'?",
    ),
    (
        "network.gateway = '10.1.1.1'",
        "world.toml: machine[1].override.network.gateway: '10.1.1.1' is not a host of 10.42.0.0/24",
    ),
    ("dsoftbus.port = 1", "world.toml: machine[1].override.dsoftbus.static_key: is missing"),
    ("node.mac = '52:54:00:12:34:0a'", "world.toml: machine B: node.mac: '52:54:00:12:34:0a' is"),
    (
        "dsoftbus.static_key.file = 'none'",
        "world.toml: machine[1].override.dsoftbus.static_key.file: cannot read 'none'",
    ),
    (
        f"dsoftbus.static_key = '{'5' * 64}'",
        "world.toml: machine[1].override.dsoftbus.static_key: (value not shown)",
    ),
]


@pytest.mark.parametrize(("override", "said"), OVERRIDE_MISTAKES)
def test_a_mistake_in_an_override_names_the_world(tmp_path: Path, override: str, said: str) -> None:
    text = WORLD.replace('image = "other"', f"override.{override}")
    lines = mistakes(write_world(tmp_path, world=text))
    assert len(lines) == 1, lines
    assert re.sub(r"^(world\.toml):\d+: ", r"\1: ", lines[0]).startswith(said), lines


def test_settings_go_over_everything(tmp_path: Path) -> None:
    path = write_world(tmp_path, world=SHARED)
    given = parse_settings(
        (
            "A:node.ram_mib=128",
            "B:network.address='10.42.0.13/24'",
            "seed=3",
            "link.loss='1/2'",
            "B:node.start=['logd', 'netstackd', 'rngd']",
            "seed=4",
        )
    )
    world = load_world(path, given)
    assert (world.seed, world.link.loss) == (4, "1/2")
    first, second = (machine.node for machine in world.machines)
    assert (first.node.ram_mib, second.node.ram_mib) == (128, 64)
    assert second.network is not None
    assert second.network.address == "10.42.0.13/24"
    assert second.node.start[-1] == "rngd"


# (what is given, the one line of a world)
SETTING_MISTAKES = [
    ("A:node.ram_mb=1", "--set: A:node.ram_mb: unknown key; expected id, mac, image, ram_mib,"),
    ("A:node.ram_mib=1", "--set: A:node.ram_mib: 1; expected 16..2048"),
    ("sead=1", "--set: sead: unknown key; expected extends, seed,"),
    ("Bb:node.ram_mib=64", "--set: 'Bb' is an unknown machine; expected A, B; did you mean"),
    ("A:dsoftbus.static_key='55'", "--set: A:dsoftbus.static_key: (value not shown); "),
    ("A:network=1", "--set: A:network: 1; expected a table"),
]


@pytest.mark.parametrize(("setting", "said"), SETTING_MISTAKES)
def test_a_mistake_in_a_setting_names_the_option(tmp_path: Path, setting: str, said: str) -> None:
    lines = mistakes(write_world(tmp_path), setting)
    assert len(lines) == 1, lines
    assert re.sub(r"^(world\.toml):\d+: ", r"\1: ", lines[0]).startswith(said), lines


def test_a_node_file_has_no_labels(tmp_path: Path) -> None:
    write_world(tmp_path)
    assert mistakes(tmp_path / "node-a.toml", "A:node.ram_mib=64") == [
        "--set: 'A' is an unknown machine; expected none, because the file is not a world"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "node",
        "=1",
        "A:",
        "A:=1",
        "node.image=system",
        "node.ram_mib=",
        "node.ram_mib=1\nx=2",
        "[node]\nx=1",
        "# a=1",
        "node..ram=1",
        "x=" + "[" * 5000,
        f"dsoftbus.static_key={'5' * 64}x",
        "extends='x'",
    ],
)
def test_what_is_no_setting_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--set") as caught:
        parse_settings([text])
    assert "\n" not in str(caught.value)
    assert "5555" not in str(caught.value)


def test_settings_are_bounded() -> None:
    with pytest.raises(UsageError, match="expected up to 64"):
        parse_settings(["a=1"] * (SETTINGS_MAX + 1))


def test_check_takes_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write_world(tmp_path))
    assert check.main([path, "--set", "A:node.ram_mib=128"]) == 0
    assert check.main([path, "--set", "A:node.ram_mib=1"]) == 20
    assert check.main([path, "--set", "A:node.ram_mib"]) == 20
    assert capsys.readouterr().err.count("error: --set: ") == 2


def test_blob_takes_settings(tmp_path: Path) -> None:
    source, out = tmp_path / "a.toml", tmp_path / "a.nxcf"
    source.write_text(NODE_A)
    assert blob.main([str(source), "--out", str(out), "--set", "dsoftbus.port=9"]) == 0
    node = load_node(source, parse_settings(["dsoftbus.port=9"]))
    assert isinstance(node, NodeConfig)
    assert out.read_bytes() == compile_node(node) != compile_node(load_node(source))
