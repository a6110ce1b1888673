"""Imports become dependencies; ambiguous and unknown names are reported."""

from __future__ import annotations

from typing import Dict, List

import pytest  # pants: no-infer-dep
from pants.core.target_types import FilesGeneratorTarget
from pants.core.target_types import rules as core_target_type_rules
from pants.core.util_rules import source_files
from pants.engine.addresses import Address, Addresses
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import DependenciesRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.inference import zig_inference
from nexus_os.references import file_owners
from nexus_os.targets.images import Rv64GuestImage
from nexus_os.targets.zig import ZigDependenciesField, ZigModule
from nexus_os.zig import zig_modules
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest

MODULES = {
    "abi/BUILD": "zig_module()",
    "abi/root.zig": "",
    "os/BUILD": "zig_module()",
    "os/root.zig": 'const abi = @import("abi");',
}
TWO_OF_A_NAME = {
    "x/net/BUILD": "zig_module()",
    "x/net/root.zig": "",
    "y/net/BUILD": "zig_module()",
    "y/net/root.zig": "",
    "app/main.zig": 'const net = @import("net");',
}


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[ZigModule, Rv64GuestImage, FilesGeneratorTarget],
        rules=[
            *core_target_type_rules(),
            *file_owners.rules(),
            *source_files.rules(),
            *zig_inference.rules(),
            *zig_modules.rules(),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(ZigProgram, [ZigProgramRequest]),
        ],
    )


def dependencies(rule_runner: RuleRunner, files: Dict[str, str], name: str = "app") -> List[str]:
    rule_runner.write_files({**MODULES, **files})
    target = rule_runner.get_target(Address("app", target_name=name))
    request = DependenciesRequest(target[ZigDependenciesField])
    return [address.spec for address in rule_runner.request(Addresses, [request])]


def test_imported_modules_are_depended_on_and_built(rule_runner: RuleRunner) -> None:
    files = {"app/BUILD": "rv64_guest_image()", "app/main.zig": 'const os = @import("os");'}

    assert dependencies(rule_runner, files) == ["os:os"]
    program = rule_runner.request(
        ZigProgram, [ZigProgramRequest(rule_runner.get_target(Address("app")))]
    )
    assert program.module_argv == (
        "--dep",
        "os",
        "-Mroot=app/main.zig",
        "--dep",
        "abi",
        "-Mos=os/root.zig",
        "-Mabi=abi/root.zig",
    )


def test_only_what_the_root_reaches_counts(rule_runner: RuleRunner) -> None:
    files = {
        "app/BUILD": "rv64_guest_image(name='a', root_source='a.zig')\nrv64_guest_image(name='b')",
        "app/a.zig": 'const os = @import("os");',
        "app/main.zig": 'const abi = @import("abi");',
    }

    assert dependencies(rule_runner, files, "a") == ["os:os"]
    assert dependencies(rule_runner, files, "b") == ["abi:abi"]


def test_image_without_zig_imports_nothing(rule_runner: RuleRunner) -> None:
    files = {"app/BUILD": "rv64_guest_image()", "app/main.c": ""}

    assert dependencies(rule_runner, files) == []


def test_embedded_file_of_another_target_is_depended_on(rule_runner: RuleRunner) -> None:
    files = {
        "app/BUILD": "rv64_guest_image()\nfiles(name='vectors', sources=['*.json'])",
        "app/main.zig": 'const v = @embedFile("v.json"); const m = @embedFile("main.zig");',
        "app/v.json": "{}",
    }

    assert dependencies(rule_runner, files) == ["app/v.json:vectors"]


def test_what_is_written_down_is_kept(rule_runner: RuleRunner) -> None:
    files = {
        "app/BUILD": (
            "rv64_guest_image(dependencies=['//os', '//abi', ':vectors'])\n"
            "files(name='vectors', sources=['*.json'])"
        ),
        "app/main.zig": 'const os = @import("os"); const v = @embedFile("v.json");',
        "app/v.json": "{}",
    }

    assert dependencies(rule_runner, files) == ["abi:abi", "app:vectors", "os:os"]


def test_inferred_dependency_can_be_excluded(rule_runner: RuleRunner) -> None:
    files = {
        "app/BUILD": "rv64_guest_image(dependencies=['!//os'])",
        "app/main.zig": 'const os = @import("os");',
    }

    assert dependencies(rule_runner, files) == []


def test_name_of_two_modules_is_refused_with_both_of_them(rule_runner: RuleRunner) -> None:
    files = {**TWO_OF_A_NAME, "app/BUILD": "rv64_guest_image()"}

    with pytest.raises(
        ExecutionError, match=r'app:app imports the zig module "net".*: x/net:net, y/net:net\. Put'
    ):
        dependencies(rule_runner, files)


@pytest.mark.parametrize("said", ["//x/net", "!//y/net"])
def test_name_of_two_modules_is_settled_by_the_target(rule_runner: RuleRunner, said: str) -> None:
    files = {**TWO_OF_A_NAME, "app/BUILD": f"rv64_guest_image(dependencies=['{said}'])"}

    assert dependencies(rule_runner, files) == ["x/net:net"]


def test_unknown_name_is_told_with_what_is_alike(rule_runner: RuleRunner, caplog) -> None:
    files = {"app/BUILD": "rv64_guest_image()", "app/main.zig": 'const a = @import("aib");'}

    assert dependencies(rule_runner, files) == []
    assert 'app:app imports the zig module "aib", but no `zig_module` has that' in caplog.text
    assert "Did you mean 'abi'?" in caplog.text
