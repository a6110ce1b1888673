"""The targets that `tailor` proposes, and those that it leaves to the author."""

from __future__ import annotations

from typing import Dict, List, Set

import pytest  # pants: no-infer-dep
from pants.core.goals.tailor import AllOwnedSources, PutativeTarget, PutativeTargets
from pants.core.target_types import FilesGeneratorTarget
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.authoring import tailoring
from nexus_os.authoring.tailoring import (
    PutativeCapnpTargetsRequest,
    PutativeConfigTargetsRequest,
    PutativeGuestTargetsRequest,
    config_targets,
    guest_targets,
)
from nexus_os.options import NexusOs
from nexus_os.targets.capnp import CapnpSchema
from nexus_os.targets.configs import NodeConfig, NodeConfigs, WorldConfig
from nexus_os.targets.images import Rv64GuestImage
from nexus_os.targets.zig import ZigModule, ZigTest

WORLD = '[[machine]]\nnode = "node-a.toml"\n'
NODE = '[node]\nid = "a"\n'


def said(targets: List[PutativeTarget]) -> List[str]:
    """The targets as a BUILD file would have them, on one line each."""
    return [" ".join(target.generate_build_file_stanza("").split()) for target in targets]


@pytest.mark.parametrize(
    ("names", "scripts", "expected"),
    [
        ({"root.zig", "frame.zig"}, set(), ["zig_module()"]),
        ({"main.zig", "root.zig"}, {"link.ld"}, ["rv64_guest_image()"]),
        ({"main.c", "start.S"}, {"fw.ld"}, ['rv64_guest_image( linker_script="fw.ld", )']),
        ({"main.zig"}, set(), []),
        ({"main.c"}, set(), []),
        ({"main.c"}, {"rom.ld", "ram.ld"}, []),
        ({"frame.zig"}, {"link.ld"}, []),
    ],
)
def test_guests_follow_from_the_names_of_files(
    names: Set[str], scripts: Set[str], expected: List[str]
) -> None:
    assert said(guest_targets("src/x", names, scripts, tested=False)) == expected


def test_module_with_test_blocks_gets_its_test() -> None:
    found = guest_targets("lib/net", {"root.zig"}, set(), tested=True)

    assert said(found) == ["zig_module()", 'zig_test( name="tests", module=":net", )']


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"node-a.toml": NODE, "node-b.toml": NODE}, ['node_configs( name="nodes", )']),
        ({"single.toml": NODE}, ['node_config( name="single", source="single.toml", )']),
        ({"w.toml": WORLD}, ['world_config( name="w", source="w.toml", )']),
        ({"pyproject.toml": '[tool.ruff]\nnode = "x"\n', "bad.toml": "["}, []),
        ({"node-a.toml": "[tool]\nx = 1\n"}, []),
    ],
)
def test_configurations_follow_from_their_shape(
    contents: Dict[str, str], expected: List[str]
) -> None:
    assert said(config_targets("ci", contents)) == expected


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[
            CapnpSchema,
            FilesGeneratorTarget,
            NodeConfig,
            NodeConfigs,
            Rv64GuestImage,
            WorldConfig,
            ZigModule,
            ZigTest,
        ],
        rules=[
            *tailoring.rules(),
            *NexusOs.rules(),
            QueryRule(PutativeTargets, [PutativeGuestTargetsRequest, AllOwnedSources]),
            QueryRule(PutativeTargets, [PutativeCapnpTargetsRequest, AllOwnedSources]),
            QueryRule(PutativeTargets, [PutativeConfigTargetsRequest, AllOwnedSources]),
        ],
    )


FILES = {
    "lib/root.zig": 'pub fn f() void {}\ntest "f" { f(); }\n',
    "app/main.zig": "",
    "app/link.ld": "",
    "ci/world.toml": WORLD,
    "ci/node-a.toml": NODE,
    "ci/node-b.toml": NODE,
}
REQUESTS = (
    PutativeGuestTargetsRequest(("app", "lib", "ci")),
    PutativeConfigTargetsRequest(("app", "lib", "ci")),
)


def propose(rule_runner: RuleRunner, *owned: str) -> List[str]:
    found: List[PutativeTarget] = []
    for request in REQUESTS:
        found += rule_runner.request(PutativeTargets, [request, AllOwnedSources(owned)])
    return said(found)


def test_repository_is_searched_for_what_has_no_target(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(FILES)

    assert propose(rule_runner) == [
        "rv64_guest_image()",
        "zig_module()",
        'zig_test( name="tests", module=":lib", )',
        'node_configs( name="nodes", )',
        'world_config( name="world", source="world.toml", )',
    ]


def test_what_has_a_target_is_left_alone(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(FILES)

    assert propose(rule_runner, *FILES) == []


def test_proposals_can_be_switched_off(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(FILES)
    rule_runner.set_options(["--no-nexus-os-tailor"])

    assert propose(rule_runner) == []


def test_a_folder_of_schemas_gets_one_target(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"s/a.capnp": "", "s/b.capnp": "", "s/BUILD": ""})
    request = PutativeCapnpTargetsRequest(("s",))

    found = rule_runner.request(PutativeTargets, [request, AllOwnedSources([])])
    owned = rule_runner.request(
        PutativeTargets, [request, AllOwnedSources(["s/a.capnp", "s/b.capnp"])]
    )

    assert said(list(found)) == ["capnp_schema()"]
    assert not owned
