"""The blob holds what docs/spec/node-config.md says, and no order of tables changes it."""

from __future__ import annotations

import struct
import tomllib

import pytest

from nexus.config import defaults
from nexus.config.checked import CheckedNode, check_node
from nexus.config.compile import compile_node, list_grants, list_routes
from nexus.config.config_cases import NODE_A, NODE_B_START
from nexus.config.error import ConfigError
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.node import NodeConfig
from nexus.config.records import unpack
from nexus.core.identity import service_id


def read(text: str) -> NodeConfig:
    return NodeConfig.model_validate(tomllib.loads(text))


def node_of(text: str) -> CheckedNode:
    return check_node(read(text))


def section_of(text: str, name: str) -> list[tuple[int, bytes]]:
    return unpack(compile_node(node_of(text)))[service_id(name)]


def test_the_section_of_dsoftbusd() -> None:
    peer_key = public_key_of(derive_test_secret("node-b"))
    assert section_of(NODE_A, "dsoftbusd") == [
        (1, b"node-a"),
        (2, derive_test_secret("node-a")),
        (3, bytes.fromhex("0787")),
        (4, b"samgrd"),
        (4, b"bundlemgrd"),
        (5, bytes.fromhex("010a2a000b0887") + peer_key + b"node-b"),
        (6, bytes([1, 6]) + b"node-b"),
        (7, bytes.fromhex("20001000")),
        (8, bytes.fromhex("fa000000")),
        (9, bytes.fromhex("dc050000")),
    ]


def test_streams_are_proven_only_where_the_selftest_says_so() -> None:
    text = NODE_A.replace('"client"', '"client"\nstreams = true')
    assert section_of(text, "dsoftbusd")[-1] == (10, b"\1")


@pytest.mark.parametrize(("word", "record"), [("schema", b"\1"), ("auto", b"\2")])
def test_how_a_node_calls_is_said_where_it_is_not_by_frames(word: str, record: bytes) -> None:
    text = NODE_A.replace("[dsoftbus]\n", f'[dsoftbus]\nrpc = "{word}"\n')
    assert text != NODE_A
    assert section_of(text, "dsoftbusd")[-1] == (11, record)
    frames = NODE_A.replace("[dsoftbus]\n", '[dsoftbus]\nrpc = "frames"\n')
    assert compile_node(node_of(frames)) == compile_node(node_of(NODE_A))


def test_the_other_services_get_their_sections() -> None:
    assert section_of(NODE_A, "netstackd") == [(1, bytes([10, 42, 0, 10, 24]))]
    assert section_of(NODE_A, "selftest-client") == [(1, b"\x01"), (2, b"node-b")]
    assert section_of(NODE_A, "bundlemgrd") == [(1, defaults.BUILD_PROP.encode())]
    assert (1, struct.pack("<Q", service_id("dsoftbusd")) + b"bundle.query") in section_of(
        NODE_A, "policyd"
    )


def test_the_section_of_statefsd_says_what_is_shared_and_among_how_many() -> None:
    puts = '[[dsoftbus.allow]]\npeer = "node-b"\nservice = "statefsd"\noperations = ["put"]\n'
    assert section_of(NODE_A + puts, "statefsd") == [
        (1, struct.pack("<HI", 512, 256 << 10)),
        (2, struct.pack("<HI", 128, 64 << 10)),
        (3, b"\x01"),
    ]
    own = puts + "[statefsd]\npeer_keys = 10\npeer_kib = 1\nreserve_keys = 0\nreserve_kib = 2\n"
    assert section_of(NODE_A + own, "statefsd")[:2] == [
        (1, bytes.fromhex("0a0000040000")),
        (2, bytes.fromhex("000000080000")),
    ]
    # There is no peer to share with: the guest's own defaults do.
    assert service_id("statefsd") not in unpack(compile_node(node_of(NODE_A)))


def test_without_a_table_dsoftbusd_gets_an_empty_section() -> None:
    assert section_of(NODE_A[: NODE_A.index("[dsoftbus]")], "dsoftbusd") == []


def test_init_starts_in_order_and_knows_the_routes() -> None:
    section = section_of(NODE_A, "init")
    assert [value.decode() for tag, value in section if tag == 1] == list(defaults.START)
    assert (2, b"dsoftbusd>netstackd") in section
    assert (2, b"logd>policyd") not in section


def test_guest_of_another_make_starts_nothing() -> None:
    text = '[node]\nid = "n"\nmac = "52:54:00:12:34:0a"\nstart = []\n'

    assert unpack(compile_node(node_of(text))) == {service_id("init"): []}


def test_routes_to_what_is_not_started_are_left_out() -> None:
    node = node_of(NODE_B_START)
    assert list_routes(node) == [("netstackd", "logd")]
    assert service_id("policyd") not in unpack(compile_node(node))


def test_a_route_of_the_file_comes_on_top() -> None:
    text = NODE_B_START + '\n[[route]]\nfrom = "logd"\nto = "netstackd"\n'
    assert list_routes(read(text)) == [("netstackd", "logd"), ("logd", "netstackd")]


def test_grants_can_replace_the_default_ones() -> None:
    grant = '[[policy.grant]]\nservice = "logd"\ncapability = "x"\n'
    assert list_grants(read(NODE_B_START + grant)) == [*defaults.GRANTS, ("logd", "x")]
    alone = NODE_B_START + "[policy]\ndefaults = false\n" + grant
    assert list_grants(read(alone)) == [("logd", "x")]


def test_what_the_selftest_proves_of_its_peer() -> None:
    text = NODE_A.replace('"client"', '"client"\nprove = ["state", "packages"]')
    assert section_of(text, "selftest-client") == [
        (1, b"\1"),
        (2, b"node-b"),
        (3, b"\2"),
        (3, b"\1"),
    ]


def test_the_section_of_a_service_without_a_model() -> None:
    text = NODE_B_START.replace('"logd", ', '"logd", "attacker", ') + (
        '[service.attacker]\n"10" = "ff"\n"2" = ["00", "0102"]\n'
    )
    assert section_of(text, "attacker") == [(2, b"\0"), (2, b"\1\2"), (10, b"\xff")]


def test_the_same_node_gives_the_same_bytes_whatever_the_order_of_its_tables() -> None:
    head, tail = NODE_A.split("[network]")
    swapped = "[network]" + tail + head
    assert compile_node(node_of(NODE_A)) == compile_node(node_of(swapped))


def test_sections_are_sorted_and_small() -> None:
    ids = list(unpack(compile_node(node_of(NODE_A))))
    assert ids == sorted(ids)


def test_a_node_that_breaks_a_rule_is_nothing_to_compile() -> None:
    with pytest.raises(ConfigError, match=r"dsoftbus\.peer\[0\]\.id"):
        node_of(NODE_A.replace('id = "node-b"', 'id = "node-a"'))


def test_a_section_that_no_message_carries_is_refused() -> None:
    text = NODE_B_START.replace('"logd", ', '"logd", "x", ')
    text += f'[service.x]\n1 = "{"00" * 7997}"\n'
    with pytest.raises(ConfigError, match="section of 8001 bytes; expected up to 8000"):
        compile_node(node_of(text))


def test_the_test_key_derivation_is_pinned() -> None:
    # docs/spec/node-config.md states it; both sides of a test world depend on it.
    assert derive_test_secret("node-a").hex() == (
        "78a1cbe651fef853be15e26ec1c301378bd4388d7e8373df98c27f56ece77e7e"
    )
