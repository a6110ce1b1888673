"""The sources of a prebuilt image, and its check before anything boots it."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.backend.shell.target_types import ShellCommandTarget
from pants.backend.shell.util_rules import shell_command
from pants.core.goals import package as package_goal
from pants.core.goals.package import BuiltPackage
from pants.core.target_types import FilesGeneratorTarget, GenericTarget
from pants.core.target_types import rules as core_target_type_rules
from pants.core.util_rules import archive, source_files
from pants.engine.addresses import Address, Addresses
from pants.engine.fs import DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import DependenciesRequest, SourcesPaths, SourcesPathsRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict

from nexus_os.images import built_images, prebuilt_image
from nexus_os.images.built_images import BuiltImages
from nexus_os.images.elf_cases import elf
from nexus_os.images.prebuilt_image import PrebuiltImageFieldSet
from nexus_os.references import addresses, field_targets
from nexus_os.references.addresses import ImageReferences
from nexus_os.targets.images import (
    PrebuiltDependenciesField,
    PrebuiltSourceField,
    Rv64PrebuiltImage,
)

BUILD = """\
rv64_prebuilt_image(name='file', source='vendor.elf')
rv64_prebuilt_image(name='text', source='notes.txt')
files(name='one', sources=['vendor.elf'])
files(name='two', sources=['*.elf', '*.txt'])
rv64_prebuilt_image(name='from_file', generated_by=':one')
rv64_prebuilt_image(name='from_two', generated_by=':two')
rv64_prebuilt_image(name='from_image', generated_by=':file', service=True)
shell_command(
    name='build', command='cat vendor.elf > built.elf', tools=['cat'],
    output_files=['built.elf'], execution_dependencies=[':one'],
)
rv64_prebuilt_image(name='from_command', generated_by=':build')
rv64_prebuilt_image(name='from_text', generated_by='fw/notes.txt:two')
target(name='nothing')
rv64_prebuilt_image(name='from_nothing', generated_by=':nothing')
rv64_prebuilt_image(name='from_nowhere')
rv64_prebuilt_image(name='from_both', source='vendor.elf', generated_by=':one')
"""


@pytest.fixture
def rule_runner() -> RuleRunner:
    rule_runner = RuleRunner(
        target_types=[FilesGeneratorTarget, GenericTarget, Rv64PrebuiltImage, ShellCommandTarget],
        rules=[
            *addresses.rules(),
            *field_targets.rules(),
            *archive.rules(),
            *core_target_type_rules(),
            *built_images.rules(),
            *package_goal.rules(),
            *prebuilt_image.rules(),
            *shell_command.rules(),
            *source_files.rules(),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(BuiltImages, [ImageReferences]),
            QueryRule(BuiltPackage, [PrebuiltImageFieldSet]),
            QueryRule(SourcesPaths, [SourcesPathsRequest]),
        ],
    )
    rule_runner.set_options([], env_inherit={"PATH"})
    rule_runner.write_files({"fw/BUILD": BUILD, "fw/notes.txt": "no code\n"})
    rule_runner.write_files({"fw/vendor.elf": elf()})
    return rule_runner


def package(rule_runner: RuleRunner, name: str) -> BuiltPackage:
    target = rule_runner.get_target(Address("fw", target_name=name))
    return rule_runner.request(BuiltPackage, [PrebuiltImageFieldSet.create(target)])


@pytest.mark.parametrize("name", ["file", "from_file", "from_image", "from_command"])
def test_image_is_the_file_that_was_made(rule_runner: RuleRunner, name: str) -> None:
    built = package(rule_runner, name)

    (content,) = rule_runner.request(DigestContents, [built.digest])
    assert (content.path, content.content) == (f"fw/{name}.elf", elf())
    assert [artifact.relpath for artifact in built.artifacts] == [f"fw/{name}.elf"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("text", r"image of fw:text cannot be used: fw/notes\.txt is not an ELF file"),
        (
            "from_two",
            r"field of fw:from_two gives ':two', which stands for 2 targets",
        ),
        ("from_text", r"image of fw:from_text cannot be used: fw/notes\.txt is not an ELF file"),
        ("from_nothing", "':nothing', which makes 0 files"),
        ("from_nowhere", "neither `source` nor `generated_by`"),
        ("from_both", "both `source` and `generated_by`"),
    ],
)
def test_anything_else_is_refused(rule_runner: RuleRunner, name: str, told: str) -> None:
    with pytest.raises(ExecutionError, match=told):
        package(rule_runner, name)


def test_world_may_name_it_among_its_images(rule_runner: RuleRunner) -> None:
    references = ImageReferences(Address("ci"), "images", FrozenDict({"system": "//fw:file"}))

    built = rule_runner.request(BuiltImages, [references])

    assert built.paths == (("system", "fw/file.elf"),)


def test_what_makes_the_file_is_depended_on(rule_runner: RuleRunner) -> None:
    target = rule_runner.get_target(Address("fw", target_name="from_command"))

    found = rule_runner.request(Addresses, [DependenciesRequest(target[PrebuiltDependenciesField])])

    assert list(found) == [Address("fw", target_name="build")]


def test_image_that_another_target_makes_has_no_sources_of_its_own(rule_runner: RuleRunner) -> None:
    # Every goal that looks for the owners of files asks for them.
    target = rule_runner.get_target(Address("fw", target_name="from_command"))

    found = rule_runner.request(SourcesPaths, [SourcesPathsRequest(target[PrebuiltSourceField])])

    assert found.files == ()
