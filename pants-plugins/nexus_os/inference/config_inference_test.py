"""The files and nodes that configurations name become their dependencies."""

from __future__ import annotations

from typing import Dict, List

import pytest  # pants: no-infer-dep
from pants.core.target_types import FilesGeneratorTarget
from pants.core.target_types import rules as core_target_type_rules
from pants.engine.addresses import Address, Addresses
from pants.engine.target import DependenciesRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.inference import config_inference
from nexus_os.references import file_owners
from nexus_os.targets.configs import ConfigDependenciesField, NodeConfig, NodeConfigs, WorldConfig

FILES = {
    "ci/world.toml": '[[machine]]\nnode = "node-a.toml"\n[[machine]]\nnode = "node-b.toml"\n',
    "ci/node-a.toml": 'extends = "../base/base.toml"\n[dsoftbus.static_key]\nfile = "a.key"\n',
    "ci/node-b.toml": "",
    "ci/node-c.toml": "",
    "ci/a.key": "",
    "base/BUILD": "node_config(name='base', source='base.toml')",
    "base/base.toml": "",
}
TARGETS = (
    "node_configs(name='nodes')\n"
    "files(name='all', sources=['*'])\n"
    "world_config(name='world', source='world.toml'{dependencies})\n"
)


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[FilesGeneratorTarget, NodeConfig, NodeConfigs, WorldConfig],
        rules=[
            *config_inference.rules(),
            *core_target_type_rules(),
            *file_owners.rules(),
            QueryRule(Addresses, [DependenciesRequest]),
        ],
    )


def dependencies(rule_runner: RuleRunner, address: Address, build: Dict[str, str]) -> List[str]:
    rule_runner.write_files({**FILES, **build})
    target = rule_runner.get_target(address)
    request = DependenciesRequest(target[ConfigDependenciesField])
    return [found.spec for found in rule_runner.request(Addresses, [request])]


def test_world_depends_on_the_nodes_it_names_and_no_other(rule_runner: RuleRunner) -> None:
    build = {"ci/BUILD": TARGETS.format(dependencies="")}

    # A file of the same path would do, but the configuration is what `check` looks at.
    assert dependencies(rule_runner, Address("ci", target_name="world"), build) == [
        "ci/node-a.toml:nodes",
        "ci/node-b.toml:nodes",
    ]


def test_node_depends_on_what_it_extends_and_on_its_key(rule_runner: RuleRunner) -> None:
    address = Address("ci", target_name="nodes", relative_file_path="node-a.toml")
    build = {"ci/BUILD": TARGETS.format(dependencies="")}

    assert dependencies(rule_runner, address, build) == ["base:base", "ci/a.key:all"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("[':nodes']", ["ci:nodes"]),
        ("['!ci/node-a.toml:nodes']", ["ci/node-b.toml:nodes"]),
    ],
)
def test_what_is_written_down_is_kept(rule_runner: RuleRunner, said: str, found: List[str]) -> None:
    build = {"ci/BUILD": TARGETS.format(dependencies=f", dependencies={said}")}

    assert dependencies(rule_runner, Address("ci", target_name="world"), build) == found


def test_file_of_two_configurations_is_told_and_left_to_the_author(
    rule_runner: RuleRunner, caplog
) -> None:
    twice = "node_config(name='again', source='node-b.toml')"
    build = {"ci/BUILD": TARGETS.format(dependencies="") + twice}

    found = dependencies(rule_runner, Address("ci", target_name="world"), build)

    assert found == ["ci/node-a.toml:nodes"]
    assert "ci:world names `ci/node-b.toml`" in caplog.text
    assert "['ci/node-b.toml:nodes', 'ci:again']" in caplog.text


def test_a_forgotten_target_is_told_with_the_line_to_add(rule_runner: RuleRunner, caplog) -> None:
    build = {
        "ci/BUILD": "node_config(name='a', source='node-a.toml')\n"
        "world_config(name='world', source='world.toml')\n"
    }

    found = dependencies(rule_runner, Address("ci", target_name="world"), build)

    assert found == ["ci:a"]
    assert (
        "ci:world names `ci/node-b.toml`, which no target owns; add to ci/BUILD:"
        ' node_config(name="node-b", source="node-b.toml")'
    ) in caplog.text


def test_a_file_that_is_not_there_is_left_to_the_check(rule_runner: RuleRunner, caplog) -> None:
    build = {
        "ci/BUILD": "world_config(name='world', source='world.toml')\n",
        "ci/world.toml": '[[machine]]\nnode = "node-x.toml"\n[[machine]]\nnode = "../../y.toml"\n',
    }

    assert dependencies(rule_runner, Address("ci", target_name="world"), build) == []
    assert "no target owns" not in caplog.text
