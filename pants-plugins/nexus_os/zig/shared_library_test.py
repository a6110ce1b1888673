"""The call of the compiler for a shared library, and the use of its output."""

from __future__ import annotations

from typing import List, Tuple

from pants.core.goals.package import BuiltPackage, OutputPathField
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, AddPrefix, Digest
from pants.engine.process import Process, ProcessResult
from pants.engine.target import InferredDependencies
from pants.testutil.rule_runner import MockGet, QueryRule, RuleRunner, run_rule_with_mocks

from nexus_os.inference import named_module
from nexus_os.inference.named_module import InferNamedModule, NamedModuleFieldSet, NamedZigModule
from nexus_os.references import field_targets
from nexus_os.targets.zig import ZigModule, ZigModuleAddressField, ZigSharedLibrary, ZigTest
from nexus_os.zig.shared_library import SharedLibraryFieldSet, package_shared_library
from nexus_os.zig.zig_modules import ZigProgram, ZigProgramRequest
from nexus_os.zig.zig_testing import ZigTestFieldSet
from nexus_os.zig.zig_tool import ZigProcess

PROGRAM = ZigProgram(
    ("--dep", "net", "-Mroot=host/root.zig", "-Mnet=net/root.zig"),
    EMPTY_DIGEST,
    ("host/root.zig", "net/root.zig"),
)
MODULE = ZigModule({}, Address("host"))


class Result:
    output_digest = EMPTY_DIGEST


def package(target: ZigSharedLibrary) -> Tuple[ZigProcess, List[object], BuiltPackage]:
    """Run the rule; hand back how it called zig, what it compiled, and what it built."""
    calls: List[ZigProcess] = []
    compiled: List[object] = []
    process = Process(["zig"], description="")
    built = run_rule_with_mocks(
        package_shared_library,
        rule_args=[SharedLibraryFieldSet.create(target)],
        mock_gets=[
            MockGet(NamedZigModule, (ZigModuleAddressField,), lambda _: NamedZigModule(MODULE)),
            MockGet(
                ZigProgram,
                (ZigProgramRequest,),
                lambda request: compiled.append(request.target) or PROGRAM,
            ),
            MockGet(Process, (ZigProcess,), lambda call: calls.append(call) or process),
            MockGet(ProcessResult, (Process,), lambda _: Result()),
            MockGet(Digest, (AddPrefix,), lambda _: EMPTY_DIGEST),
        ],
    )
    return calls[0], compiled, built


def test_a_library_is_built_for_any_machine_of_this_kind_without_paths_in_it() -> None:
    target = ZigSharedLibrary({"module": ":host"}, Address("host", target_name="library"))
    call, compiled, built = package(target)

    assert call.argv == (
        "build-lib",
        "-dynamic",
        "-mcpu=baseline",
        "-fstrip",
        "--build-id=none",
        "-O",
        "ReleaseSafe",
        *PROGRAM.module_argv,
        "--name",
        "library",
        "-femit-bin=library.so",
    )
    assert call.output_files == ("library.so",)
    assert compiled == [MODULE]
    assert [artifact.relpath for artifact in built.artifacts] == ["host/library.so"]


def test_fields_reach_the_compiler() -> None:
    fields = {"module": ":host", "optimize": "ReleaseSmall", OutputPathField.alias: "lib/n.so"}
    call, _, built = package(ZigSharedLibrary(fields, Address("host", target_name="library")))

    assert call.argv[call.argv.index("-O") + 1] == "ReleaseSmall"
    assert call.argv[-1] == "-femit-bin=n.so"
    assert [artifact.relpath for artifact in built.artifacts] == ["lib/n.so"]


def test_a_library_depends_on_its_module_and_is_no_test() -> None:
    rule_runner = RuleRunner(
        target_types=[ZigModule, ZigSharedLibrary, ZigTest],
        rules=[
            named_module.find_named_module,
            *field_targets.rules(),
            named_module.infer_named_module,
            QueryRule(InferredDependencies, [InferNamedModule]),
        ],
    )
    rule_runner.write_files(
        {"host/BUILD": "zig_module()\nzig_shared_library(name='library', module=':host')\n"}
    )
    target = rule_runner.get_target(Address("host", target_name="library"))
    request = InferNamedModule(NamedModuleFieldSet.create(target))
    inferred = rule_runner.request(InferredDependencies, [request])
    assert set(inferred.include) == {Address("host")}
    assert not ZigTestFieldSet.is_applicable(target)
