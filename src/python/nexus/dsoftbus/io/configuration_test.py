"""A node's `bus.toml`: each value in its place, each default and bound, each mistake a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any  # Any: values of a file, of whichever type.

import pytest

from nexus.config.error import ConfigError
from nexus.dsoftbus.io.configuration import PEERS_MAX, load_settings
from nexus.dsoftbus.io.keyfile import KeyFileError, make_key, write_key
from nexus.dsoftbus.io.settings import PeerSettings, Settings
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import rpc
from nexus.wire.announce import SERVICES_MAX

OWN, PEER = make_key("host-1"), make_key("node-b")
LEAST = 'key_file = "host.key"\n'
# Base points of the curve, times small numbers: public keys that differ.
KEYS = [make_key(f"node-{number}").public.hex() for number in range(PEERS_MAX + 1)]


def peer_table(device_id: str = "node-b", key: str = "", more: str = "") -> str:
    key = key or PEER.public.hex()
    return f'[[peer]]\nid = "{device_id}"\naddress = "10.0.0.2"\npublic_key = "{key}"\n{more}\n'


def load(folder: Path, text: str) -> Settings:
    key = folder / "host.key"
    key.unlink(missing_ok=True)
    write_key(key, OWN)
    (folder / "bus.toml").write_text(text)
    return load_settings(folder / "bus.toml")


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value).splitlines()


def test_a_file_that_says_the_least_has_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, LEAST) == Settings(device_id="host-1", secret=OWN.secret)
    found = load(tmp_path, LEAST + peer_table())
    assert found.peers == (
        PeerSettings(device_id="node-b", public_key=PEER.public, address="10.0.0.2"),
    )


def test_a_file_that_says_everything_is_believed(tmp_path: Path) -> None:
    text = f"""key_file = "host.key"
address = "10.0.0.1"
port = 1
discovery_port = 2
multicast = true
announce = ["a", "b"]
announce_interval_ms = 11
peer_ttl_ms = 21
rpc = "schema"
[rate]
burst = 3
per_second = 4
{peer_table(more="discovery_port = 5" + chr(10) + "port = 6" + chr(10) + "deduplicates = true")}
[[allow]]
peer = "node-b"
service = "samgrd"
operations = ["resolve-status"]
[[allow]]
peer = "node-b"
service = "statefsd"
operations = ["put", "get"]
"""
    assert load(tmp_path, text) == Settings(
        device_id="host-1",
        secret=OWN.secret,
        address="10.0.0.1",
        port=1,
        discovery_port=2,
        is_multicast=True,
        announce=("a", "b"),
        announce_ms=11,
        peer_ttl_ms=21,
        peers=(
            PeerSettings(
                device_id="node-b",
                public_key=PEER.public,
                address="10.0.0.2",
                discovery_port=5,
                port=6,
                is_deduplicating=True,
            ),
        ),
        rules=(Rule("node-b", 1, 6), Rule("node-b", 4, 1), Rule("node-b", 4, 2)),
        rate=Limit(3, 4),
        rpc_mode=rpc.Mode.MESSAGES,
    )


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("port", 0, 65_535),
        ("discovery_port", 0, 65_535),
        ("announce_interval_ms", 10, 60_000),
        ("peer_ttl_ms", 20, 600_000),
    ],
)
def test_a_number_is_within_its_bounds_both_included(
    tmp_path: Path, field: str, low: int, high: int
) -> None:
    others: dict[str, Any] = {"announce_interval_ms": 10, "peer_ttl_ms": 600_000}
    for value in (low, high):
        values = {**others, field: value}
        load(tmp_path, LEAST + "".join(f"{name} = {n}\n" for name, n in values.items()))
    for value in (low - 1, high + 1):
        [line] = mistakes(tmp_path, f"{LEAST}{field} = {value}\n")
        assert line.startswith(f"{tmp_path}/bus.toml")
        assert f"{field}: {value}" in line


@pytest.mark.parametrize("field", ["port", "discovery_port"])
def test_a_peers_port_is_a_port(tmp_path: Path, field: str) -> None:
    for value in (1, 65_535):
        [peer] = load(tmp_path, LEAST + peer_table(more=f"{field} = {value}")).peers
        assert getattr(peer, field) == value
    for value in (0, 65_536):
        [line] = mistakes(tmp_path, LEAST + peer_table(more=f"{field} = {value}"))
        assert f"{field}: {value}" in line


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "223.255.255.255", "1.0.0.0"])
def test_an_address_of_one_host_is_accepted(tmp_path: Path, address: str) -> None:
    assert load(tmp_path, f'{LEAST}address = "{address}"\n').address == address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("224.0.0.1", "expected the address of one host"),
        ("239.1.1.1", "expected the address of one host"),
        ("240.0.0.1", "expected the address of one host"),
        ("255.255.255.255", "expected the address of one host"),
        ("0.0.0.0", "expected the address of one host"),
        ("localhost", "expected an IPv4 address, such as 10.42.0.1 or 127.0.0.1"),
        ("10.0.0.256", "expected an IPv4 address, such as 10.42.0.1 or 127.0.0.1"),
        ("::1", "expected an IPv4 address, such as 10.42.0.1 or 127.0.0.1"),
    ],
)
def test_an_address_that_is_none_of_one_host_is_named(
    tmp_path: Path, address: str, said: str
) -> None:
    [line] = mistakes(tmp_path, f'{LEAST}address = "{address}"\n')
    assert line.endswith(said)
    assert "address" in line


def test_as_many_peers_and_announced_services_as_a_guest_may_have(tmp_path: Path) -> None:
    assert (PEERS_MAX, SERVICES_MAX) == (8, 16)
    peers = [peer_table(f"node-{number}", key) for number, key in enumerate(KEYS)]
    assert len(load(tmp_path, LEAST + "".join(peers[:8])).peers) == 8
    [line] = mistakes(tmp_path, LEAST + "".join(peers))
    assert line.endswith("peer: 9 peers; expected up to 8")
    names = [f"service-{number}" for number in range(17)]
    assert len(load(tmp_path, f"{LEAST}announce = {names[:16]}\n").announce) == 16
    [line] = mistakes(tmp_path, f"{LEAST}announce = {names}\n")
    assert line.endswith("announce: 17 services; expected up to 16")


ALLOW = '[[allow]]\npeer = "{}"\nservice = "{}"\noperations = ["{}"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (peer_table() * 2, "peer[1].id: 'node-b' is a duplicate peer id, see peer[0].id"),
        (peer_table("host-1"), "peer[0].id: 'host-1' is this node's own id"),
        (peer_table(key=OWN.public.hex()), "peer[0].public_key: is this node's own key"),
        ("peer_ttl_ms = 250\n", "peer_ttl_ms: 250 is not above announce_interval_ms (250)"),
        (ALLOW.format("node-b", "samgrd", "resolve-status"), "allow[0].peer"),
        (peer_table() + ALLOW.format("node-b", "samgr", "x"), "did you mean 'samgrd'"),
        (peer_table() + ALLOW.format("node-b", "samgrd", "x"), "allow[0].operations[0]"),
        ('rpc = "messages"\n', "rpc"),
        ("unknown = 1\n", "unknown"),
    ],
)
def test_what_does_not_hold_between_values_is_a_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(mistakes(tmp_path, LEAST + text))


def test_a_key_beside_the_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "bus.toml").write_text('key_file = "other.key"\n')
    with pytest.raises(KeyFileError) as caught:
        load_settings(str(tmp_path / "bus.toml"))
    assert str(caught.value).startswith(f"{tmp_path}/other.key: No such file")
