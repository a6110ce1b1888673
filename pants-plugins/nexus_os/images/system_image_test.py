"""A system's services are named after their targets."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.images import system_image
from nexus_os.images.system_image import SystemParts, SystemPartsRequest

OWNER = Address("src/guest", target_name="system")


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        rules=[system_image.name_system_parts, QueryRule(SystemParts, [SystemPartsRequest])]
    )
    # The addresses are only read, not resolved: folders are all they need.
    rule_runner.write_files(
        {f"{folder}/main.zig": "" for folder in ("src/guest/services/logd", "a", "b", "x")}
    )
    return rule_runner


def parts(rule_runner: RuleRunner, *services: str) -> SystemParts:
    return rule_runner.request(SystemParts, [SystemPartsRequest(OWNER, "//kernel", services)])


def test_names_are_those_of_the_targets(rule_runner: RuleRunner) -> None:
    found = parts(rule_runner, "//src/guest/services/logd", ":init", "//x:y")

    assert dict(found.services.images) == {
        "logd": "//src/guest/services/logd",
        "init": ":init",
        "y": "//x:y",
    }
    assert dict(found.kernel.images) == {"kernel": "//kernel"}


def test_two_services_of_one_name_are_refused(rule_runner: RuleRunner) -> None:
    with pytest.raises(ExecutionError, match="two services called 'logd': //a:logd and //b:logd"):
        parts(rule_runner, "//a:logd", "//b:logd")
