"""Rules between values: what is just accepted or refused, and that every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.config import bus_rules
from nexus.config.bounds import ALLOW_MAX
from nexus.config.bus_rules import Allowance, BusPeer
from nexus.config.config_cases import NODE_A
from nexus.config.error import ConfigError
from nexus.config.keys import TestSeedKey
from nexus.config.load import load_node

B = BusPeer("node-b", bytes([9]) * 32)
C = BusPeer("node-c", bytes([8]) * 32)
OPERATIONS = 'operations = ["resolve-status"]'


def problems(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """Load the file of node A with changes; return the lines, without the file's name."""
    text = NODE_A
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "node.toml"
    path.write_text(text)
    try:
        load_node(path)
    except ConfigError as exc:
        return [line.split(": ", 1)[1] for line in str(exc).splitlines()]
    return []


def add(text: str) -> tuple[str, str]:
    return ("[selftest]", f"{text}\n[selftest]")


GATEWAY = '"10.42.0.10/24"\ngateway = '
ACCEPTED = [
    ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.1"'),
    ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.254"'),
    ("port = 34567", "port = 34567\npeer_ttl_ms = 251"),
    ("port = 34567", "port = 34567\nannounce_interval_ms = 300\npeer_ttl_ms = 301"),
    # With a gateway a peer may be anywhere.
    ("10.42.0.10/24", '10.43.0.10/24"\ngateway = "10.43.0.1'),
    add("[state]\ndisk_kib = 64"),
    add('[[route]]\nfrom = "logd"\nto = "samgrd"\n[[route]]\nfrom = "samgrd"\nto = "logd"'),
    (
        "[selftest]",
        '[[policy.grant]]\nservice = "logd"\ncapability = "a"\n'
        '[[policy.grant]]\nservice = "logd"\ncapability = "b"\n[selftest]',
    ),
]


@pytest.mark.parametrize("change", ACCEPTED)
def test_a_value_just_within_its_bounds_is_accepted(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    assert problems(tmp_path, change) == []


REFUSED = [
    (
        ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.0"'),
        "network.gateway: '10.42.0.0' is not a host of 10.42.0.0/24",
    ),
    (
        ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.255"'),
        "network.gateway: '10.42.0.255' is not a host of 10.42.0.0/24",
    ),
    (
        ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.10"'),
        "network.gateway: '10.42.0.10' is this node's own address",
    ),
    (
        ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0"'),
        "network.gateway: '10.42.0'; expected an IPv4 address, such as 10.42.0.10",
    ),
    (
        ('"10.42.0.10/24"', f'{GATEWAY}"10.42.0.256"'),
        "network.gateway: '10.42.0.256'; expected an IPv4 address, such as 10.42.0.10",
    ),
    (
        ("port = 34567", "port = 34567\nannounce_interval_ms = 300\npeer_ttl_ms = 300"),
        "dsoftbus.peer_ttl_ms: 300 is not above announce_interval_ms (300): every peer would expire"
        " between two announces",
    ),
    (
        add('[state]\ndisk_kib = 64\ndisk = "other"'),
        "state: expected exactly one of disk_kib and disk",
    ),
    (add("[state]"), "state: expected exactly one of disk_kib and disk"),
    (
        add('[[route]]\nfrom = "logd"\nto = "logd"'),
        "route[0].to: 'logd' is the same as from",
    ),
    (
        add('[[route]]\nfrom = "logd"\nto = "samgrd"\n[[route]]\nfrom = "logd"\nto = "samgrd"'),
        "route[1]: 'logd>samgrd' is a duplicate route, see route[0]",
    ),
    (
        ("[network]", 'start = ["dsoftbusd", "selftest-client"]\n[network]'),
        "node.start: has 'dsoftbusd' without 'netstackd', which it needs",
    ),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_a_value_just_beyond_its_bounds_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert said in problems(tmp_path, change)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("5", "expected a file's name, or a list of them"),
        ("{ a = 1 }", "expected a file's name, or a list of them"),
        ("[]", "expected 1..8 files"),
        (str([f"{number}.toml" for number in range(9)]), "expected 1..8 files"),
    ],
)
def test_what_a_file_extends(tmp_path: Path, given: str, said: str) -> None:
    (found,) = problems(tmp_path, ("[node]", f"extends = {given}\n[node]"))
    assert found.startswith("extends: ")
    assert found.endswith(said)


def drive(slot: int, what: str) -> tuple[str, str]:
    return add(f"[[boot.drive]]\nslot = {slot}\n{what}")


@pytest.mark.parametrize(
    ("slot", "what", "said"),
    [
        (4, "", "boot.drive[0]: expected exactly one of image and disk_kib"),
        (
            4,
            'image = "other"\ndisk_kib = 64',
            "boot.drive[0]: expected exactly one of image and disk_kib",
        ),
        (
            2,
            "disk_kib = 64\n[state]\ndisk_kib = 64",
            "boot.drive[0].slot: 2 is the slot of [state]",
        ),
        (
            4,
            "disk_kib = 64\n[[boot.drive]]\nslot = 4\ndisk_kib = 64",
            "boot.drive[1].slot: '4' is a duplicate slot, see boot.drive[0].slot",
        ),
    ],
)
def test_a_drive_without_one_content_and_a_free_slot_is_refused(
    tmp_path: Path, slot: int, what: str, said: str
) -> None:
    assert said in problems(tmp_path, drive(slot, what))


@pytest.mark.parametrize(
    ("slot", "what"),
    [
        (4, "disk_kib = 64"),
        (2, "disk_kib = 64"),
        (3, "disk_kib = 64\n[state]\ndisk_kib = 64"),
    ],
)
def test_a_drive_with_one_content_and_a_free_slot_is_accepted(
    tmp_path: Path, slot: int, what: str
) -> None:
    assert problems(tmp_path, drive(slot, what)) == []


def permissions(count: int) -> str:
    """So many permissions of one peer behind the one of the file: one an entry, the rest in one."""
    entry = '\n[[dsoftbus.allow]]\npeer = "node-b"\nservice = "samgrd"\noperations = {}\n'
    entries = [entry.format("['resolve-status']")] * (ALLOW_MAX - 3)
    rest = ["resolve-status"] * (count - 1 - len(entries))
    return "".join([*entries, entry.format(rest)])


@pytest.mark.parametrize(("count", "is_refused"), [(ALLOW_MAX, False), (ALLOW_MAX + 1, True)])
def test_as_many_permissions_as_a_node_has_room_for(
    tmp_path: Path, count: int, is_refused: bool
) -> None:
    too_many = f"dsoftbus.allow: {count} operations; expected at most {ALLOW_MAX}"
    assert (too_many in problems(tmp_path, add(permissions(count)))) is is_refused


def test_a_key_in_a_file_is_compared_with_those_of_peers(tmp_path: Path) -> None:
    own = TestSeedKey(test_seed="node-b").secret()
    key = tmp_path / "node.key"
    key.write_text(own.hex())
    key.chmod(0o600)
    change = ('static_key = { test_seed = "node-a" }', 'static_key = { file = "node.key" }')
    found = problems(tmp_path, change)
    assert found == ["dsoftbus.peer[0].public_key: is this node's own key"]
    assert own.hex() not in "".join(found)


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_a_number_that_is_too_long_is_named_with_its_line(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "node.toml"
    path.write_text("\n" * lines + f"a = {'1' * 4400}\n")
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    assert str(caught.value).startswith(f"{path}:{lines + 1}: an integer of 4400 digits")


def said(found: bus_rules.Problems) -> list[str]:
    return [f"{problem.field}: {problem.text}" for problem in found]


def test_every_wrong_permission_is_named_and_not_only_the_first() -> None:
    allowed = [
        Allowance("node-x", "samgr", ("resolve-status",)),
        Allowance("node-b", "samgrd", ("resolve-status", "register")),
        Allowance("node-c", "bundlemgrd", ("list",)),
    ]
    fields = [line.split(": ")[0] for line in said(bus_rules.check_allowed(allowed, [B], "x."))]
    assert fields == [
        "x.allow[0].peer",
        "x.allow[0].service",
        "x.allow[1].operations[1]",
        "x.allow[2].peer",
    ]


def test_a_permission_is_given_once() -> None:
    once = Allowance("node-b", "samgrd", ("resolve-status",))
    assert said(bus_rules.check_allowed([once], [B], "")) == []
    (found,) = said(bus_rules.check_allowed([once, once], [B], ""))
    assert found.startswith("allow[1]: 'node-b samgrd resolve-status' is a duplicate permission")
    (none,) = said(bus_rules.check_allowed([once], [], ""))
    assert none == "allow[0].peer: 'node-b'; expected none: no peer is configured"


def test_every_duplicate_names_the_first_of_its_kind() -> None:
    found = said(bus_rules.find_duplicates(["a", "b", "a", "a", "b"], "f", "k", "thing"))
    assert found == [
        "f[2].k: 'a' is a duplicate thing, see f[0].k",
        "f[3].k: 'a' is a duplicate thing, see f[0].k",
        "f[4].k: 'b' is a duplicate thing, see f[1].k",
    ]
    assert said(bus_rules.find_duplicates(["a", "a"], "f", "", "thing")) == [
        "f[1]: 'a' is a duplicate thing, see f[0]"
    ]


def test_identities_are_peers_own() -> None:
    assert said(bus_rules.check_identities([B, C], "x.")) == []
    assert said(bus_rules.check_identities([B, BusPeer("node-c", B.key)], "x."))[0].startswith(
        "x.peer[1].public_key: "
    )
    assert said(bus_rules.check_identities([B, BusPeer("node-b", C.key)], "x."))[0].startswith(
        "x.peer[1].id: 'node-b' is a duplicate peer id"
    )
    assert said(bus_rules.check_identities([B, BusPeer("node-c", bytes(32))], "x.")) == [
        "x.peer[1].public_key: is of small order; expected X25519 public keys"
    ]
    assert said(bus_rules.check_own_id([B, C], "node-c", "x.")) == [
        "x.peer[1].id: 'node-c' is this node's own id"
    ]
    assert said(bus_rules.check_own_key([B, C], C.key, "x.")) == [
        "x.peer[1].public_key: is this node's own key"
    ]
    assert said(bus_rules.check_own_key([B, C], bytes([7]) * 32, "x.")) == []
