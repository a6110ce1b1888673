"""The targets that fields name are found, or refused with the field's name."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict

from nexus_os.references import addresses, field_targets
from nexus_os.references.addresses import (
    ConfigReference,
    ConfigTarget,
    ImageReferences,
    ImageTargets,
)
from nexus_os.targets.configs import NodeConfig, NodeConfigs, WorldConfig
from nexus_os.targets.images import Rv64GuestImage

OWNER = Address("ci", target_name="os2vm")


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        target_types=[NodeConfig, NodeConfigs, WorldConfig, Rv64GuestImage],
        rules=[
            *addresses.rules(),
            *field_targets.rules(),
            QueryRule(ConfigTarget, [ConfigReference]),
            QueryRule(ImageTargets, [ImageReferences]),
        ],
    )
    rule_runner.write_files(
        {
            "ci/BUILD": "world_config(name='world', source='os2vm.toml')\nnode_configs(name='n')",
            "ci/os2vm.toml": "",
            "ci/node-a.toml": "",
            "ci/node-b.toml": "",
            "ci/loose.toml": "",
            "twice/BUILD": (
                "world_config(name='a', source='w.toml')\nworld_config(name='b', source='w.toml')"
            ),
            "twice/w.toml": "",
            "guest/BUILD": "rv64_guest_image()\nrv64_guest_image(name='system')",
        }
    )
    return rule_runner


def find(rule_runner: RuleRunner, text: str) -> ConfigTarget:
    reference = ConfigReference(OWNER, "world", text, (WorldConfig,))
    return rule_runner.request(ConfigTarget, [reference])


@pytest.mark.parametrize("text", ["os2vm.toml", "//ci/os2vm.toml", ":world", "//ci:world"])
def test_world_is_found_by_file_and_by_address(rule_runner: RuleRunner, text: str) -> None:
    found = find(rule_runner, text)

    assert found.target.address == Address("ci", target_name="world")
    assert found.path == "ci/os2vm.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("os2wm.toml", r"which 0 `world_config` targets have .*Did you mean 'os2vm\.toml'\? Expe"),
        ("//ci/world.toml", "is '//ci/world.toml', which 0 `world_config` targets have"),
        ("node-a.toml", "'node-a.toml', which 0 `world_config` targets have as `source`"),
        ("//twice/w.toml", "'//twice/w.toml', which 2 `world_config` targets have as `source`"),
        (":wrold", r"gives ':wrold', which no target has as its address\. Did you mean ':world'\?"),
        ("//ci/node-a.toml:n", "which is a `node_config`.* Expected the address of `world_conf"),
    ],
)
def test_world_that_is_not_one_is_refused(
    rule_runner: RuleRunner, text: str, complaint: str
) -> None:
    with pytest.raises(ExecutionError, match=rf"`world` field of ci:os2vm .*{complaint}"):
        find(rule_runner, text)


def test_node_without_a_file_is_not_found_by_the_pattern_that_it_would_match(
    rule_runner: RuleRunner,
) -> None:
    reference = ConfigReference(OWNER, "config", "node-x.toml", (NodeConfig,))

    with pytest.raises(ExecutionError, match=r"which 0 `node_config` targets have"):
        rule_runner.request(ConfigTarget, [reference])


def test_images_are_found_by_the_names_they_are_given(rule_runner: RuleRunner) -> None:
    references = ImageReferences(
        OWNER, "images", FrozenDict({"b": "//guest", "a": "//guest:guest"})
    )

    found = rule_runner.request(ImageTargets, [references])

    assert [(name, target.address) for name, target in found.targets] == [
        ("a", Address("guest")),
        ("b", Address("guest")),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("//guest:sytem", r"for 'a', which no target has .* Did you mean '//guest:system'\?"),
        ("//gest", r"which no target has as its address\. Did you mean '//guest'\?"),
        ("guest::x", "which is not an address"),
        (
            "//ci:world",
            r"which is a `world_config`\. Expected the address of `rv64_guest_image`",
        ),
        ("//ci:n", "which stands for 2 targets"),
    ],
)
def test_image_that_is_none_is_refused(rule_runner: RuleRunner, text: str, complaint: str) -> None:
    references = ImageReferences(OWNER, "images", FrozenDict({"a": text}), named=True)

    with pytest.raises(ExecutionError, match=rf"`images` field of ci:os2vm gives .*{complaint}"):
        rule_runner.request(ImageTargets, [references])


@pytest.mark.parametrize(
    ("text", "path"), [("a.ld", "src/x/a.ld"), ("../a.ld", "src/x/../a.ld"), ("//y/a.ld", "y/a.ld")]
)
def test_paths_are_read_as_build_files_write_them(text: str, path: str) -> None:
    assert addresses.path_from_build_file(Address("src/x"), text) == path
