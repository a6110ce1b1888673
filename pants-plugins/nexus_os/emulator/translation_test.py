"""A translation is made of the packaged image, and may be named where a boot wants one."""

from __future__ import annotations

from typing import List, Tuple

import pytest  # pants: no-infer-dep
from pants.core.goals import package as package_goal
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.target_types import GenericTarget
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
)
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.platform import Platform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, rule
from pants.engine.unions import UnionRule
from pants.testutil.option_util import create_subsystem
from pants.testutil.rule_runner import MockGet, QueryRule, RuleRunner, run_rule_with_mocks

from nexus_os.emulator import translation
from nexus_os.emulator.translation import (
    BuiltTranslations,
    TranslationFieldSet,
    TranslationsReference,
    package_translation,
)
from nexus_os.images.built_images import BuiltImages
from nexus_os.options import NexusOs
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.programs.program_process import ProgramProcess
from nexus_os.references import addresses, field_targets
from nexus_os.references.addresses import ImageReferences, ImageTargets
from nexus_os.targets.packages import PackageImage
from nexus_os.targets.translations import Rv64Translation

PROGRAM = ProgramRequest("some.program", "llvm")
PROCESS = Process(argv=("some",), description="stand-in")


class Result:
    output_digest = EMPTY_DIGEST


def package(
    platform: Platform = Platform.linux_x86_64, **fields: str
) -> Tuple[ProgramProcess, BuiltPackage]:
    """Run the rule; hand back how it called the program, and what it built."""
    target = Rv64Translation({"image": "//guest:system", **fields}, Address("ci", target_name="t"))
    calls: List[ProgramProcess] = []
    built = run_rule_with_mocks(
        package_translation,
        rule_args=[
            TranslationFieldSet.create(target),
            create_subsystem(NexusOs, translate_module="some.program", native_resolve="llvm"),
            platform,
        ],
        mock_gets=[
            MockGet(
                BuiltImages,
                (ImageReferences,),
                lambda _: BuiltImages(EMPTY_DIGEST, (("image", "guest/system.elf"),)),
            ),
            MockGet(Process, (ProgramProcess,), lambda c: calls.append(c) or PROCESS),
            MockGet(ProcessResult, (Process,), lambda _: Result()),
            MockGet(Digest, (AddPrefix,), lambda _: EMPTY_DIGEST),
        ],
    )
    return calls[0], built


def test_image_reaches_the_program_of_the_compilers_resolve() -> None:
    call, built = package()

    assert call.argv == (
        "--elf",
        "guest/system.elf",
        "--processor",
        "x86_64",
        "--out",
        "t.translations",
        "--processes",
        "{pants_concurrency}",
    )
    assert call.concurrency_available > 1
    assert call.output_files == ("t.translations",)
    assert call.program == PROGRAM
    assert [artifact.relpath for artifact in built.artifacts] == ["ci/t.translations"]


def test_code_is_for_the_host_unless_a_processor_is_named() -> None:
    def processor(call: ProgramProcess) -> str:
        return call.argv[call.argv.index("--processor") + 1]

    assert processor(package(Platform.linux_arm64)[0]) == "aarch64"
    assert processor(package(processor="aarch64")[0]) == "aarch64"
    assert processor(package(Platform.linux_arm64, processor="x86_64")[0]) == "x86_64"


def test_image_without_code_is_told_by_field(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "pkgs/BUILD": "package_image(manifests=['m'])",
            "ci/BUILD": "rv64_translation(name='t', image='//pkgs')",
        }
    )
    field_set = TranslationFieldSet.create(rule_runner.get_target(Address("ci", target_name="t")))

    with pytest.raises(
        ExecutionError, match=r"`image` field of ci:t gives '//pkgs', which is a `package_image`"
    ):
        rule_runner.request(ImageTargets, [translation._image(field_set.image)])


@rule
async def build_stand_in(field_set: TranslationFieldSet) -> BuiltPackage:
    path = field_set.output_path.value_or_default(file_ending="translations")
    digest = await Get(Digest, CreateDigest([FileContent(path, b"")]))
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        target_types=[Rv64Translation, PackageImage, GenericTarget],
        rules=[
            *addresses.rules(),
            *field_targets.rules(),
            *package_goal.rules(),
            translation.find_translations,
            translation.build_translations,
            build_stand_in,
            UnionRule(PackageFieldSet, TranslationFieldSet),
            QueryRule(BuiltTranslations, [TranslationsReference]),
            QueryRule(ImageTargets, [ImageReferences]),
        ],
    )


def test_boot_gets_the_translations_it_names(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {"ci/BUILD": "rv64_translation(name='t', image=':i')\ntarget(name='no')"}
    )

    def built(text: str | None) -> BuiltTranslations:
        reference = TranslationsReference(Address("ci"), "translations", text)
        return rule_runner.request(BuiltTranslations, [reference])

    assert built(":t").path == "ci/t.translations"
    assert built(None) == BuiltTranslations(EMPTY_DIGEST, None)
    with pytest.raises(
        ExecutionError, match=r"`translations` field of ci:ci .* a `target`.*of `rv64_tr"
    ):
        built(":no")
