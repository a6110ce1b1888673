"""The defaults of nodes and worlds: every value, as docs/spec has it."""

from __future__ import annotations

from nexus.config import defaults
from nexus.config.node import DSoftBus, NodeConfig
from nexus.config.world import Cut, Expectation, Machine, Reboot, WorldConfig
from nexus.contract.rpc import Mode as RpcMode

ALL = (
    "logd",
    "policyd",
    "samgrd",
    "rngd",
    "packagefsd",
    "statefsd",
    "bundlemgrd",
    "netstackd",
    "dsoftbusd",
    "selftest-client",
)


def test_a_node_that_says_no_more_than_its_name() -> None:
    node = NodeConfig.model_validate({"node": {"id": "n", "mac": "52:54:00:12:34:0a"}})
    assert node.model_dump() == {
        "extends": (),
        "node": {
            "id": "n",
            "mac": "52:54:00:12:34:0a",
            "image": "system",
            "ram_mib": 64,
            "start": ALL,
        },
        "network": None,
        "dsoftbus": None,
        "policy": {"defaults": True, "grant": ()},
        "selftest": {"mode": "single", "peer": None, "prove": (), "streams": False},
        "bundlemgrd": {"build": "ro.nexus.build=dev\nro.nexus.slot=a\n"},
        "packages": None,
        "state": None,
        "boot": {
            **dict.fromkeys(("firmware", "kernel", "initrd", "append", "cpu")),
            "harts": 1,
            "drive": (),
        },
        "statefsd": {
            "peer_keys": 512,
            "peer_kib": 256,
            "reserve_keys": 128,
            "reserve_kib": 64,
        },
        "route": (),
        "service": {},
    }
    assert node.boots == "system"


def test_a_bus_that_says_no_more_than_its_key() -> None:
    peer = {"id": "b", "address": "10.0.0.1", "port": 1, "public_key": "01" * 32}
    bus = DSoftBus.model_validate({"static_key": {"test_seed": "a"}, "peer": [peer]})
    assert bus.model_dump() == {
        "static_key": {"test_seed": "a"},
        "port": 34567,
        "announce": ("samgrd", "bundlemgrd"),
        "announce_interval_ms": 250,
        "peer_ttl_ms": 1500,
        "rate": {"burst": 32, "per_second": 16},
        "rpc": "frames",
        "peer": ({**peer, "dial": False},),
        "allow": (),
    }
    assert bus.peer[0].key == bytes([1]) * 32


def test_drives_that_say_no_more_than_where_they_are() -> None:
    node = NodeConfig.model_validate(
        {
            "node": {"id": "n", "mac": "52:54:00:12:34:0a"},
            "boot": {"kernel": "linux", "drive": [{"slot": 2, "disk_kib": 4}]},
            "state": {},
        }
    )
    assert node.boot.drive[0].model_dump() == {
        "slot": 2,
        "image": None,
        "disk_kib": 4,
        "readonly": False,
    }
    assert node.boots == "linux"
    assert node.state is not None
    assert node.state.model_dump() == {"disk_kib": None, "disk": None}


def test_a_world_that_says_no_more_than_its_machine_and_one_marker() -> None:
    machine = {"label": "A", "node": "a.toml"}
    expect = {"machine": "A", "phase": "launch", "marker": "up"}
    world = WorldConfig.model_validate({"machine": [machine], "expect": [expect]})
    assert world.model_dump() == {
        "extends": (),
        "seed": 1,
        "epoch_s": 1_767_225_600,
        "link": {
            "delay_us": 500,
            "jitter_us": 0,
            **dict.fromkeys(("loss", "duplicate", "corrupt"), "0"),
            "cut": (),
        },
        "machine": ({**machine, "image": None, "forbid": (), "override": None},),
        "reboot": (),
        "budget_ms": {
            **dict.fromkeys(("launch", "discovery", "session", "end"), 5000),
            "remote": 10_000,
            "total": None,
        },
        "instructions_max": 4_000_000_000,
        "expect": ({**expect, "pattern": None, "exclusive": True, "ordered": True},),
        "forbid": (),
    }


def test_parts_of_a_world_that_say_no_more_than_they_must() -> None:
    reboot = Reboot.model_validate({"machine": "A"})
    assert reboot.model_dump() == {
        "machine": "A",
        **dict.fromkeys(("at_ms", "after", "of")),
        "off_ms": 100,
    }
    cut = Cut.model_validate({"start_ms": 0, "end_ms": 1})
    assert cut.model_dump() == {"start_ms": 0, "end_ms": 1, "between": None}
    assert Machine.model_validate({"label": "A", "node": "a.toml"}).image is None
    assert Expectation.model_validate({"machine": "A", "phase": "end"}).marker is None


def test_what_is_started_may_reach_and_do_by_default_is_this_and_no_more() -> None:
    assert defaults.START == ALL
    proven = {"samgrd", "bundlemgrd", "policyd", "logd", "netstackd", "rngd", "statefsd"}
    assert {client: set(servers) for client, servers in defaults.ROUTES.items()} == {
        "selftest-client": proven | {"dsoftbusd"},
        "dsoftbusd": proven | {"packagefsd"},
        "samgrd": {"policyd", "logd"},
        "bundlemgrd": {"packagefsd", "policyd", "logd", "samgrd"},
        "packagefsd": {"samgrd"},
        "statefsd": {"policyd", "samgrd"},
        "policyd": {"logd", "samgrd"},
        "netstackd": {"rngd", "logd", "samgrd"},
        "logd": {"samgrd"},
        "rngd": {"samgrd"},
    }
    assert sum(map(len, defaults.ROUTES.values())) == 32, "no route stands there twice"
    assert sorted(defaults.GRANTS) == [
        ("bundlemgrd", "policy.delegate"),
        ("dsoftbusd", "bundle.query"),
        ("dsoftbusd", "statefs.read"),
        ("dsoftbusd", "statefs.write"),
        ("selftest-client", "bundle.query"),
        ("selftest-client", "statefs.read"),
        ("selftest-client", "statefs.write"),
        ("statefsd", "policy.delegate"),
    ]
    assert defaults.RPC_MODES == {
        "frames": RpcMode.FRAMES,
        "schema": RpcMode.MESSAGES,
        "auto": RpcMode.AUTO,
    }
