"""The modules that a `module` field may name."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.inference import named_module
from nexus_os.inference.named_module import NamedZigModule
from nexus_os.references import field_targets
from nexus_os.targets.images import Rv64GuestImage
from nexus_os.targets.zig import ZigModule, ZigModuleAddressField, ZigTest


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        target_types=[ZigModule, ZigTest, Rv64GuestImage],
        rules=[
            named_module.find_named_module,
            *field_targets.rules(),
            QueryRule(NamedZigModule, [ZigModuleAddressField]),
        ],
    )
    rule_runner.write_files(
        {
            "net/BUILD": (
                "zig_module()\n"
                "zig_test(name='tests', module=':net')\n"
                "rv64_guest_image(name='image')\n"
                "zig_test(name='wrong', module=':image')\n"
                "zig_test(name='mistyped', module='//nett')\n"
            )
        }
    )
    return rule_runner


def find(rule_runner: RuleRunner, name: str) -> NamedZigModule:
    target = rule_runner.get_target(Address("net", target_name=name))
    return rule_runner.request(NamedZigModule, [target[ZigModuleAddressField]])


def test_module_is_found(rule_runner: RuleRunner) -> None:
    assert find(rule_runner, "tests").module.address == Address("net")


def test_only_modules_can_be_named(rule_runner: RuleRunner) -> None:
    with pytest.raises(
        ExecutionError, match="`module` field of net:wrong gives ':image', which is a `rv64_guest_"
    ):
        find(rule_runner, "wrong")


def test_module_that_is_not_there_is_told_with_one_that_is(rule_runner: RuleRunner) -> None:
    with pytest.raises(ExecutionError, match=r"field of net:mistyped .*Did you mean ':net'"):
        find(rule_runner, "mistyped")
