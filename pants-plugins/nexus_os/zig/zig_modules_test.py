"""The graph of modules becomes the files and arguments the compiler wants."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.core.target_types import FilesGeneratorTarget
from pants.core.target_types import rules as core_target_type_rules
from pants.core.util_rules import source_files
from pants.engine.addresses import Address
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner

from nexus_os.targets.images import Rv64GuestImage
from nexus_os.targets.zig import ZigModule
from nexus_os.zig import zig_modules
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[ZigModule, Rv64GuestImage, FilesGeneratorTarget],
        rules=[
            *zig_modules.rules(),
            *source_files.rules(),
            *core_target_type_rules(),
            QueryRule(ZigProgram, [ZigProgramRequest]),
        ],
    )


def collect(rule_runner: RuleRunner, address: Address) -> ZigProgram:
    target = rule_runner.get_target(address)
    return rule_runner.request(ZigProgram, [ZigProgramRequest(target)])


def test_module_alone_is_the_root(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {"lib/abi/BUILD": "zig_module()", "lib/abi/root.zig": "", "lib/abi/more.zig": ""}
    )

    program = collect(rule_runner, Address("lib/abi"))

    assert program.module_argv == ("-Mroot=lib/abi/root.zig",)
    assert program.files == ("lib/abi/more.zig", "lib/abi/root.zig")


def test_every_module_is_preceded_by_the_names_it_imports(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "abi/BUILD": "zig_module()",
            "abi/root.zig": "",
            "os/BUILD": "zig_module(dependencies=['//abi'])",
            "os/root.zig": "",
            "wire/BUILD": "zig_module(root_source='wire.zig')",
            "wire/wire.zig": "",
            "logd/BUILD": "rv64_guest_image(dependencies=['//wire', '//os', '//abi'])",
            "logd/main.zig": "",
            "unused/BUILD": "zig_module()",
            "unused/root.zig": "",
        }
    )

    program = collect(rule_runner, Address("logd"))

    assert program.module_argv == (
        "--dep",
        "abi",
        "--dep",
        "os",
        "--dep",
        "wire",
        "-Mroot=logd/main.zig",
        "-Mabi=abi/root.zig",
        "--dep",
        "abi",
        "-Mos=os/root.zig",
        "-Mwire=wire/wire.zig",
    )
    assert program.files == ("abi/root.zig", "logd/main.zig", "os/root.zig", "wire/wire.zig")


def test_module_deep_in_the_graph_is_listed_once(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "a/BUILD": "zig_module(dependencies=['//b', '//c'])",
            "b/BUILD": "zig_module(dependencies=['//d'])",
            "c/BUILD": "zig_module(dependencies=['//d'])",
            "d/BUILD": "zig_module()",
            **{f"{name}/root.zig": "" for name in "abcd"},
        }
    )

    argv = collect(rule_runner, Address("a")).module_argv

    assert argv.count("-Md=d/root.zig") == 1
    assert argv[-1] == "-Md=d/root.zig"


def test_plain_files_come_along(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "a/BUILD": "zig_module(dependencies=[':v'])\nfiles(name='v', sources=['*.json'])",
            "a/root.zig": "",
            "a/vectors.json": "{}",
        }
    )

    assert "a/vectors.json" in collect(rule_runner, Address("a")).files


def test_headers_come_along_with_the_headers_they_include(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "fw/BUILD": "rv64_guest_image(dependencies=['//lib'])",
            "fw/main.c": "",
            "lib/BUILD": "files(sources=['*.h'], dependencies=['//board'])",
            "lib/uart.h": "",
            "board/BUILD": "files(sources=['*.h'])",
            "board/addresses.h": "",
        }
    )

    program = collect(rule_runner, Address("fw"))

    assert program.module_argv == ()
    assert program.own_files == ("fw/main.c",)
    assert program.files == ("board/addresses.h", "fw/main.c", "lib/uart.h")


def test_main_zig_is_the_root_where_it_is_among_c(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"fw/BUILD": "rv64_guest_image()", "fw/a.c": "", "fw/main.zig": ""})

    assert collect(rule_runner, Address("fw")).module_argv == ("-Mroot=fw/main.zig",)


def test_modules_that_nothing_can_import_are_refused(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "fw/BUILD": "rv64_guest_image(dependencies=['//abi'])",
            "fw/main.c": "",
            "abi/BUILD": "zig_module()",
            "abi/root.zig": "",
        }
    )

    with pytest.raises(ExecutionError, match="depends on the zig modules abi, but has no zig file"):
        collect(rule_runner, Address("fw"))


def test_two_modules_of_one_name_are_refused(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "a/BUILD": "zig_module(dependencies=['//x/net', '//b'])",
            "b/BUILD": "zig_module(dependencies=['//y/net'])",
            "x/net/BUILD": "zig_module()",
            "y/net/BUILD": "zig_module()",
            **{f"{name}/root.zig": "" for name in ("a", "b", "x/net", "y/net")},
        }
    )

    with pytest.raises(ExecutionError, match=r"two zig modules called 'net': x/net:net and y/net"):
        collect(rule_runner, Address("a"))


def test_module_may_not_take_the_name_of_the_root(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "a/BUILD": "zig_module(dependencies=['//root'])",
            "a/root.zig": "",
            "root/BUILD": "zig_module()",
            "root/root.zig": "",
        }
    )

    with pytest.raises(ExecutionError, match="the program's own module"):
        collect(rule_runner, Address("a"))


def test_root_source_must_be_there(rule_runner: RuleRunner) -> None:
    rule_runner.write_files({"a/BUILD": "zig_module(root_source='rot.zig')", "a/root.zig": ""})

    with pytest.raises(ExecutionError, match=r"no file a/rot\.zig\. Did you mean 'a/root\.zig'"):
        collect(rule_runner, Address("a"))
