"""Whole descriptions of a node and of a world, and the values that count with their places."""

from __future__ import annotations

from pathlib import Path

from nexus.config.config_cases import NODE_A, WORLD, write_node, write_world
from nexus.config.describe import describe
from nexus.config.effective import list_effective, list_files
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_any, load_with_origins

NODE = """\
[node]
id = "node-a"
mac = "52:54:00:12:34:0a"
ram_mib = 128
start = ["logd", "statefsd", "packagefsd", "policyd", "netstackd", "dsoftbusd", "attacker"]
[network]
address = "10.42.0.10/24"
gateway = "10.42.0.1"
[state]
disk_kib = 64
[packages]
image = "packages"
[dsoftbus]
static_key = { test_seed = "node-a" }
announce = ["samgrd", "logd"]
port = 1025
[[dsoftbus.peer]]
id = "node-b"
address = "10.42.0.11"
port = 34568
public_key = { test_seed = "node-b" }
[[dsoftbus.peer]]
id = "node-c"
address = "10.42.0.12"
port = 34569
public_key = { test_seed = "node-c" }
dial = true
[[dsoftbus.allow]]
peer = "node-b"
service = "statefsd"
operations = ["get", "put"]
[[dsoftbus.allow]]
peer = "node-c"
service = "statefsd"
operations = ["txn-commit"]
[policy]
defaults = false
[[policy.grant]]
service = "logd"
capability = "x.y"
[service.attacker]
2 = "00"
[boot]
cpu = "rv64gc"
harts = 2
append = "quiet"
[[boot.drive]]
slot = 5
disk_kib = 4
"""

NODE_LINES = """\
node node-a: 52:54:00:12:34:0a, image system, 128 MiB
  processor rv64gc
  2 harts
  kernel arguments quiet
  starts logd, statefsd, packagefsd, policyd, netstackd, dsoftbusd, attacker
  address 10.42.0.10/24, gateway 10.42.0.1
  state drive: 64 KiB, blank
  package drive: packages, read-only
  drive in slot 5: 4 KiB, blank
  selftest single
  dsoftbus port 1025, public key KEY-a
  announces samgrd, logd every 250 ms; peers expire after 1500 ms
  peer node-b 10.42.0.11:34568, key KEY-b
  peer node-c 10.42.0.12:34569, dialled, key KEY-c
  each peer may call 32 at once, then 16 a second
  allow node-b statefsd get, put
  allow node-c statefsd txn-commit
  2 of them may set keys, each up to 512 and 256 KiB; 128 and 64 KiB stay free
  route dsoftbusd > netstackd
  route dsoftbusd > packagefsd
  route dsoftbusd > statefsd
  route dsoftbusd > logd
  route dsoftbusd > policyd
  route statefsd > policyd
  route policyd > logd
  route netstackd > logd
  grant logd x.y
  blob of 675 bytes, sha256 4742e524f355d6c88e2a03d00b7aeb1972f5e3efbe42c78e5dab881465633ca4
    section dsoftbusd: 13 records, 228 bytes
    section attacker: 1 records, 5 bytes
    section netstackd: 2 records, 17 bytes
    section policyd: 1 records, 15 bytes
    section statefsd: 3 records, 25 bytes
    section init: 15 records, 245 bytes
"""

WORLD_LINES = """\
world DIR/world.toml: seed 7, 2 machines
  link 200 us, jitter 30 us, loss 1/50, duplicate 0, corrupt 1/3
  cut from 1 ms to 2 ms
  launch: 1 expected, 5000 ms
  discovery: 0 expected, 5000 ms
  session: 1 expected, 5000 ms
  remote: 0 expected, 10000 ms
  end: 0 expected, 5000 ms
  forbidden: kernel: panic
machine A: DIR/node-a.toml, image system
"""

MACHINE_LINES = """\
machine B: DIR/node-b.toml, image other
  forbidden: moon
node node-b: 52:54:00:12:34:0b, image system, 64 MiB
  starts logd, netstackd
  address 10.42.0.11/24
  selftest single
  route netstackd > logd
  grant selftest-client bundle.query
  grant dsoftbusd bundle.query
  grant bundlemgrd policy.delegate
  grant statefsd policy.delegate
  grant selftest-client statefs.read
  grant selftest-client statefs.write
  grant dsoftbusd statefs.read
  grant dsoftbusd statefs.write
  blob of 124 bytes, sha256 c8ed4b59a40608cc910873701218c1867f328bd07601c8d8a78bab58ae92c306
    section netstackd: 1 records, 9 bytes
    section init: 3 records, 39 bytes
"""


def described(folder: Path, name: str) -> list[str]:
    text = "\n".join(describe(load_any(folder / name))).replace(str(folder), "DIR")
    for letter in "abc":
        key = public_key_of(derive_test_secret(f"node-{letter}")).hex()
        text = text.replace(key, f"KEY-{letter}")
    return text.splitlines()


def write_more(folder: Path) -> Path:
    """Write a world whose link has more faults and whose second machine has words of its own."""
    more = 'delay_us = 200\njitter_us = 30\ncorrupt = "1/3"\ncut = [{ start_ms = 1, end_ms = 2 }]'
    world = WORLD.replace("delay_us = 200", more)
    return write_world(folder, world=world.replace('label = "B"', 'label = "B"\nforbid = ["moon"]'))


def test_the_whole_description_of_a_node(tmp_path: Path) -> None:
    write_node(tmp_path, NODE)
    assert described(tmp_path, "node-a.toml") == NODE_LINES.splitlines()


def test_the_whole_description_of_a_world(tmp_path: Path) -> None:
    write_more(tmp_path)
    lines = described(tmp_path, "world.toml")
    begin, end = WORLD_LINES.splitlines(), MACHINE_LINES.splitlines()
    write_node(tmp_path, NODE_A)
    assert lines[: len(begin)] == begin
    assert lines[-len(end) :] == end
    assert lines[len(begin) : -len(end)] == described(tmp_path, "node-a.toml")


def places_of(folder: Path, name: str) -> dict[str, dict[str, str]]:
    """By section and field, where a value came from; only of those that a file has."""
    return {
        section.title.replace(str(folder), "DIR"): {
            value.field: value.origin.replace(f"{folder}/", "")
            for value in section.values
            if value.origin != "default"
        }
        for section in list_effective(load_with_origins(folder / name))
    }


def test_each_value_of_a_world_has_its_file_and_line(tmp_path: Path) -> None:
    write_more(tmp_path)
    found = places_of(tmp_path, "world.toml")
    assert found["world DIR/world.toml"] == {
        "seed": "world.toml:1",
        "link.delay_us": "world.toml:5",
        "link.jitter_us": "world.toml:6",
        "link.loss": "world.toml:9",
        "link.corrupt": "world.toml:7",
        "link.cut[0].start_ms": "world.toml:8",
        "link.cut[0].end_ms": "world.toml:8",
        "machine[0].label": "world.toml:12",
        "machine[0].node": "world.toml:13",
        "machine[1].label": "world.toml:16",
        "machine[1].node": "world.toml:18",
        "machine[1].image": "world.toml:19",
        "machine[1].forbid": "world.toml:17",
        "expect[0].machine": "world.toml:22",
        "expect[0].phase": "world.toml:23",
        "expect[0].marker": "world.toml:24",
        "expect[1].machine": "world.toml:27",
        "expect[1].phase": "world.toml:28",
        "expect[1].pattern": "world.toml:29",
        "forbid": "world.toml:2",
    }
    assert list(found)[1:] == [
        "machine A: node DIR/node-a.toml",
        "machine B: node DIR/node-b.toml",
    ]
    assert found["machine B: node DIR/node-b.toml"] == {
        "node.id": "node-b.toml:2",
        "node.mac": "node-b.toml:3",
        "node.start": "node-b.toml:5",
        "network.address": "node-b.toml:7",
    }


def test_values_by_default_have_no_file_and_files_are_listed_once(tmp_path: Path) -> None:
    write_more(tmp_path)
    world, one, other = list_effective(load_with_origins(tmp_path / "world.toml"))
    assert (world.label, one.label, other.label) == (None, "A", "B")
    defaults = {value.field: value.value for value in other.values if value.origin == "default"}
    assert defaults == {
        "node.image": "system",
        "node.ram_mib": 64,
        "policy.defaults": True,
        "policy.grant": [],
        "selftest.mode": "single",
        "selftest.prove": [],
        "selftest.streams": False,
        "bundlemgrd.build": "ro.nexus.build=dev\nro.nexus.slot=a\n",
        "boot.harts": 1,
        "boot.drive": [],
        "statefsd.peer_keys": 512,
        "statefsd.peer_kib": 256,
        "statefsd.reserve_keys": 128,
        "statefsd.reserve_kib": 64,
        "route": [],
    }
    assert not any(value.is_secret for section in (world, one, other) for value in section.values)
    names = ["world.toml", "node-a.toml", "node-b.toml"]
    assert list_files([world, one, other]) == [str(tmp_path / name) for name in names]


def test_a_key_in_a_file_is_shown_by_the_name_of_that_file(tmp_path: Path) -> None:
    key = tmp_path / "own.key"
    key.write_text("11" * 32 + "\n")
    key.chmod(0o600)
    write_node(tmp_path, NODE_A.replace('{ test_seed = "node-a" }', '{ file = "own.key" }', 1))
    (section,) = list_effective(load_with_origins(tmp_path / "node-a.toml"))
    secrets = [(value.field, value.value) for value in section.values if value.is_secret]
    assert secrets == [("dsoftbus.static_key", "<file own.key>")]
