"""Good files load; every mistake is one line with file, field, bad value and accepted values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.config.config_cases import (
    NODE_A,
    NODE_B_START,
    WORLD,
    load_world,
    write_node,
    write_world,
)
from nexus.config.error import ConfigError
from nexus.config.load import load_any, load_node
from nexus.config.node import NodeConfig
from nexus.config.world import World
from nexus.core.randomness import Ratio


def test_the_values_of_a_node_are_read(tmp_path: Path) -> None:
    node = load_node(write_node(tmp_path, NODE_A))
    assert node.node.mac_bytes == bytes.fromhex("52540012340a")
    assert node.node.ram_mib == 64
    assert node.network is not None
    assert str(node.network.interface) == "10.42.0.10/24"
    assert node.dsoftbus is not None
    assert node.dsoftbus.peer[0].dial


def test_the_values_of_a_world_are_read(tmp_path: Path) -> None:
    world = load_world(write_world(tmp_path))
    assert [(m.label, m.image, m.node.node.id) for m in world.machines] == [
        ("A", "system", "node-a"),
        ("B", "other", "node-b"),
    ]
    assert world.seed == 7
    assert world.link.ratio("loss") == Ratio(1, 50)
    assert world.expect[0].marker == "init: ready"
    assert world.budget_ms.remote == 10_000
    assert world.forbid == ("kernel: panic",)


def test_the_kind_is_told_by_content(tmp_path: Path) -> None:
    write_world(tmp_path)
    assert isinstance(load_any(tmp_path / "node-a.toml"), NodeConfig)
    assert isinstance(load_any(tmp_path / "world.toml"), World)


PEER_TWICE = """
[[dsoftbus.peer]]
id = "{id}"
address = "{address}"
port = 1
public_key = {{ test_seed = "{seed}" }}

[[dsoftbus.allow]]
"""

# (what is replaced, by what, the field named, what is said)
NODE_MISTAKES = [
    ("mac =", "mca =", "node.mca", "unknown key; expected .*; did you mean 'mac'"),
    ("mac =", "mca =", "node.mac", "is missing"),
    ("[node]", "ram_mib = 64\n[node]", "ram_mib", "did you mean 'node.ram_mib'"),
    ("[selftest]", "[Network]\n[selftest]", "Network", "did you mean 'network'"),
    ("dial = true", "dail = true", r"dsoftbus.peer\[0\].dail", "did you mean 'dial'"),
    ("port = 34567", "rate.brust = 1", "dsoftbus.rate.brust", "did you mean 'burst'"),
    ("[selftest]", "[state]\ndisc = 'x'\n[selftest]", "state.disc", "did you mean 'disk'"),
    ("[selftest]", "[[route]]\nfrm = 'x'\n[selftest]", r"route\[0\].frm", "mean 'from'"),
    ("port = 34567", "port = 70000", "dsoftbus.port", r"70000; expected 1\.\.65535"),
    ("port = 34567", "port = 0", "dsoftbus.port", r"0; expected 1\.\.65535"),
    ("port = 34567", 'port = "34567"', "dsoftbus.port", "'34567'; expected an integer"),
    ("port = 34567", "port = 1.0", "dsoftbus.port", "1.0; expected an integer"),
    ("dial = true", "dial = 1", r"dsoftbus.peer\[0\].dial", "1; expected true or false"),
    (":0a", ":zz", "node.mac", "'52:54:00:12:34:zz'; expected six bytes"),
    ("52:54:00:12:34:0a", "ff:ff:ff:ff:ff:ff", "node.mac", "broadcast"),
    ("52:54:00:12:34:0a", "01:00:5e:00:00:01", "node.mac", "multicast"),
    ("52:54:00:12:34:0a", "00:00:00:00:00:00", "node.mac", "zero"),
    ("10.42.0.10/24", "10.42.0.10", "network.address", "prefix length is missing"),
    ("10.42.0.10/24", "10.42.0.0/24", "network.address", "not a host of 10.42.0.0/24"),
    ("10.42.0.10/24", "10.42.0.255/24", "network.address", "not a host"),
    ("10.42.0.10/24", "10.42.0.10/31", "network.address", r"prefix lengths 8\.\.30"),
    ("10.42.0.10/24", "239.1.2.3/24", "network.address", "unicast"),
    ("10.42.0.10/24", "10.43.0.10/24", r"dsoftbus.peer\[0\].address", "not a host of 10.43.0.0"),
    ("10.42.0.10/24", "10.42.0.11/24", r"dsoftbus.peer\[0\].address", "this node's own address"),
    (
        '"10.42.0.10/24"',
        '"10.42.0.10/24"\ngateway = "10.43.0.1"',
        "network.gateway",
        "not a host of",
    ),
    ('{ test_seed = "node-b" }', '"abcd"', "public_key", r"'abcd'; expected 64 hexadecimal"),
    ('{ test_seed = "node-b" }', f'"{"00" * 32}"', "public_key", "small order"),
    ('{ test_seed = "node-b" }', '{ test_seed = "node-a" }', "public_key", "own key"),
    ('{ test_seed = "node-b" }', '{ test_sed = "x" }', "test_sed", "did you mean 'test_seed'"),
    ('id = "node-a"', 'id = ""', "node.id", r"1\.\.64"),
    ('id = "node-a"', f'id = "{"x" * 65}"', "node.id", r"1\.\.64"),
    ('id = "node-a"', 'id = "node-b"', r"dsoftbus.peer\[0\].id", "own id"),
    (
        "[[dsoftbus.allow]]",
        PEER_TWICE.format(id="node-b", address="10.42.0.12", seed="c"),
        r"dsoftbus.peer\[1\].id",
        r"'node-b' is a duplicate peer id, see dsoftbus.peer\[0\].id",
    ),
    (
        "[[dsoftbus.allow]]",
        PEER_TWICE.format(id="node-c", address="10.42.0.11", seed="c"),
        r"dsoftbus.peer\[1\].address",
        "duplicate address",
    ),
    (
        "[[dsoftbus.allow]]",
        PEER_TWICE.format(id="node-c", address="10.42.0.12", seed="node-b"),
        r"dsoftbus.peer\[1\].public_key",
        "duplicate key",
    ),
    ('service = "samgrd"', 'service = "samgr"', r"allow\[0\].service", "did you mean 'samgrd'"),
    ('"resolve-status"', '"register"', r"allow\[0\].operations\[0\]", "expected resolve-stat"),
    ('["resolve-status"]', "[]", r"allow\[0\].operations", "is empty"),
    ('peer = "node-b"\nservice', 'peer = "node-c"\nservice', r"allow\[0\].peer", "expected"),
    ('"samgrd", "bundlemgrd"', '"samgrd", "samgrd"', r"announce\[1\]", "duplicate service"),
    ('"samgrd", "bundlemgrd"', '"Samgrd"', r"announce\[0\]", "expected 1"),
    ("port = 34567", "peer_ttl_ms = 250", "dsoftbus.peer_ttl_ms", "not above announce_interval"),
    ('"client"', '"clint"', "selftest.mode", "did you mean 'client'"),
    ('"client"', '"single"', "selftest.peer", "only with mode 'client'"),
    ("dial = true", "dial = false", "selftest.peer", "expected none"),
    ('mode = "client"\npeer = "node-b"', 'mode = "client"', "selftest.peer", "is missing"),
    ('"client"', '"client"\nprove = ["moon"]', r"selftest.prove\[0\]", "expected packages"),
    (
        '"client"',
        '"client"\nprove = ["state", "state"]',
        r"selftest.prove\[1\]",
        "duplicate proof",
    ),
    (
        'mode = "client"\npeer = "node-b"',
        'mode = "server"\nprove = ["packages"]',
        "selftest.prove",
        "only with mode 'client'",
    ),
    ("[selftest]", "[packages]\n[selftest]", "packages.image", "is missing"),
    ("[selftest]", "[state]\ndisk_kib = 3\n[selftest]", "state.disk_kib", r"4\.\.65536"),
    ('mode = "client"', 'mode = "SERVER"', "selftest.mode", "did you mean 'server'"),
    ('mode = "client"', 'prove = ["pakages"]', r"selftest.prove\[0\]", "mean 'packages'"),
    ('"resolve-status"', '"resolve"', r"allow\[0\].operations\[0\]", "mean 'resolve-status'"),
    (
        "[network]",
        f"start = {[f's{n}' for n in range(25)]}\n[network]",
        "node.start",
        r"25 entries; expected 0\.\.24 entries",
    ),
    (
        "[network]",
        'start = ["logd", "logd"]\n[network]',
        r"node.start\[1\]",
        "duplicate service",
    ),
    ("[network]", "ram_mib = 1\n[network]", "node.ram_mib", r"expected 16\.\.2048"),
    (
        "[selftest]",
        '[[route]]\nfrom = "logd"\nto = "smgrd"\n[selftest]',
        r"route\[0\].to",
        "did you mean 'samgrd'",
    ),
    (
        "[selftest]",
        '[[policy.grant]]\nservice = "logd"\ncapability = "A B"\n[selftest]',
        r"policy.grant\[0\].capability",
        "'A B'; expected",
    ),
    ("[selftest]", '[service.policyd]\n1 = "00"\n[selftest]', "service.policyd", "of its own"),
    ("[selftest]", '[service.rngd]\n0 = "00"\n[selftest]', "service.rngd.0", r"1\.\.65535"),
    ("[selftest]", '[service.rngd]\n1 = "0"\n[selftest]', "service.rngd.1", "hexadecimal"),
    ("[selftest]", '[service.rngs]\n1 = "00"\n[selftest]', "service.rngs", "did you mean 'rngd'"),
]


@pytest.mark.parametrize(("old", "new", "field", "said"), NODE_MISTAKES)
def test_a_mistake_in_a_node_is_one_line(
    tmp_path: Path, old: str, new: str, field: str, said: str
) -> None:
    assert old in NODE_A
    path = write_node(tmp_path, NODE_A.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    lines = str(caught.value).splitlines()
    pattern = f"{re.escape(str(path))}(:\\d+)?: \\S*{field}\\S*: .*{said}"
    assert any(re.match(pattern, line) for line in lines), lines


def test_a_started_netstackd_needs_an_address(tmp_path: Path) -> None:
    text = NODE_A[: NODE_A.index("[network]")]
    with pytest.raises(ConfigError, match=r"network: is missing; node\.start has 'netstackd'"):
        load_node(write_node(tmp_path, text))


def test_a_node_without_dsoftbus_is_complete(tmp_path: Path) -> None:
    node = load_node(write_node(tmp_path, NODE_A[: NODE_A.index("[dsoftbus]")]))
    assert node.dsoftbus is None
    assert node.selftest.mode == "single"


# (what is replaced, by what, the field named, what is said)
WORLD_MISTAKES = [
    ('label = "B"', 'label = "a"', r"machine\[1\].label", "'a' is a duplicate label"),
    ("node-b.toml", "node-c.toml", r"machine\[1\].node", "'node-c.toml' is a missing node file"),
    ('machine = "B"', 'machine = "C"', r"expect\[1\].machine", "'C' is an unknown machine"),
    ('phase = "launch"', 'phase = "lunch"', r"expect\[0\].phase", "did you mean 'launch'"),
    ('marker = "init: ready"', "", r"expect\[0\]", "exactly one of marker and pattern"),
    ('ok .*"', 'ok ("', r"expect\[1\].pattern", "is not a regular expression"),
    ('"dsoftbusd: cross-vm session ok .*"', '".*"', r"expect\[1\].pattern", "an empty line"),
    ("seed = 7", "seed = -1", "seed", "-1; expected 0"),
    ("seed = 7", "sead = 7", "sead", "did you mean 'seed'"),
    ("[link]", "delay_us = 3\n[link]", "delay_us", "did you mean 'link.delay_us'"),
    ("delay_us = 200", "dealy_us = 200", "link.dealy_us", "did you mean 'delay_us'"),
    ('label = "B"', 'lable = "B"', r"machine\[1\].lable", "did you mean 'label'"),
    ('machine = "B"', 'machine = "b"', r"expect\[1\].machine", "did you mean 'B'"),
    ("node-b.toml", "node_b.toml", r"machine\[1\].node", "did you mean 'node-b.toml'"),
    ('"1/50"', '"2"', "link.loss", "'2'; expected a ratio"),
    ('"1/50"', "0.02", "link.loss", "0.02; expected a string"),
    ("delay_us = 200", "delay_us = 0", "link.delay_us", "0; expected 1"),
    (
        "delay_us = 200",
        "cut = [{ start_ms = 5, end_ms = 5 }]",
        r"link.cut\[0\].end_ms",
        "not above start_ms",
    ),
    (
        "delay_us = 200",
        'cut = [{ start_ms = 5, end_ms = 6, between = ["A", "C"] }]',
        r"link.cut\[0\].between",
        "'C' is an unknown machine",
    ),
    (
        "delay_us = 200",
        'cut = [{ start_ms = 5, end_ms = 6, between = ["A", "A"] }]',
        r"link.cut\[0\].between",
        "expected two machines",
    ),
]


@pytest.mark.parametrize(("old", "new", "field", "said"), WORLD_MISTAKES)
def test_a_mistake_in_a_world_is_one_line(
    tmp_path: Path, old: str, new: str, field: str, said: str
) -> None:
    assert old in WORLD
    path = write_world(tmp_path, world=WORLD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_world(path)
    lines = str(caught.value).splitlines()
    pattern = f"{re.escape(str(path))}(:\\d+)?: {field}: .*{said}"
    assert any(re.match(pattern, line) for line in lines), lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("delay_us = 200", "delay_us = 1"),
        ('"1/50"', '"0"'),
        ('"1/50"', '"1"'),
        ("delay_us = 200", "cut = [{ start_ms = 5, end_ms = 6 }]"),
        ("delay_us = 200", 'cut = [{ start_ms = 0, end_ms = 6, between = ["A", "B"] }]'),
        ("delay_us = 200", 'cut = [{ start_ms = 5, end_ms = 6, between = ["B", "A"] }]'),
    ],
)
def test_what_is_just_within_a_worlds_rules_is_taken(tmp_path: Path, old: str, new: str) -> None:
    assert old in WORLD
    assert load_world(write_world(tmp_path, world=WORLD.replace(old, new, 1))) is not None


def test_an_empty_expectation_is_a_mistake(tmp_path: Path) -> None:
    path = write_world(tmp_path, world=WORLD[: WORLD.index("[[expect]]")])
    with pytest.raises(ConfigError, match="expect: is empty"):
        load_world(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":0b", ":0A", "machine B: node.mac: '52:54:00:12:34:0a' is a duplicate MAC; machine A"),
        ("0.11/", "0.10/", "machine B: network.address: '10.42.0.10' is a duplicate address"),
        ("node-b", "node-a", "machine B: node.id: 'node-a' is a duplicate device id"),
    ],
)
def test_machines_share_nothing(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = write_world(tmp_path, b=NODE_B_START.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_world(path)
