"""What fields say is found, or refused with the field's name."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict

from nexus_os import addresses
from nexus_os.addresses import ConfigReference, ConfigTarget, ImageReferences, ImageTargets
from nexus_os.config_targets import NodeConfig, NodeConfigs, WorldConfig, WorldConfigSourceField
from nexus_os.image_targets import Rv64GuestImage

OWNER = Address("ci", target_name="os2vm")


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        target_types=[NodeConfig, NodeConfigs, WorldConfig, Rv64GuestImage],
        rules=[
            *addresses.rules(),
            QueryRule(ConfigTarget, [ConfigReference]),
            QueryRule(ImageTargets, [ImageReferences]),
        ],
    )
    rule_runner.write_files(
        {
            "ci/BUILD": "world_config(name='world', source='os2vm.toml')\nnode_configs(name='n')",
            "ci/os2vm.toml": "",
            "ci/node-a.toml": "",
            "ci/loose.toml": "",
            "twice/BUILD": (
                "world_config(name='a', source='w.toml')\nworld_config(name='b', source='w.toml')"
            ),
            "twice/w.toml": "",
            "guest/BUILD": "rv64_guest_image()",
        }
    )
    return rule_runner


def find(rule_runner: RuleRunner, text: str) -> ConfigTarget:
    reference = ConfigReference(OWNER, "world", text, WorldConfigSourceField, "`world_config`")
    return rule_runner.request(ConfigTarget, [reference])


@pytest.mark.parametrize("text", ["os2vm.toml", "//ci/os2vm.toml", ":world", "//ci:world"])
def test_world_is_found_by_file_and_by_address(rule_runner: RuleRunner, text: str) -> None:
    found = find(rule_runner, text)

    assert found.target.address == Address("ci", target_name="world")
    assert found.path == "ci/os2vm.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("missing.toml", "`world` field of ci:os2vm"),
        ("loose.toml", "'loose.toml', which stands for 0 `world_config` targets"),
        ("node-a.toml", "'node-a.toml', which stands for 0 `world_config` targets"),
        ("//twice/w.toml", "'//twice/w.toml', which stands for 2 `world_config` targets"),
        (":nowhere", "`world` field from the target ci:os2vm does not exist"),
    ],
)
def test_world_that_is_not_one_is_refused(
    rule_runner: RuleRunner, text: str, complaint: str
) -> None:
    with pytest.raises(ExecutionError) as raised:
        find(rule_runner, text)

    assert complaint in str(raised.value)


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
    ("text", "path"), [("a.ld", "src/x/a.ld"), ("../a.ld", "src/x/../a.ld"), ("//y/a.ld", "y/a.ld")]
)
def test_paths_are_read_as_build_files_write_them(text: str, path: str) -> None:
    assert addresses.path_from_build_file(Address("src/x"), text) == path
