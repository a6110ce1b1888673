"""The records of each test, and the words for their sum."""

from __future__ import annotations

from typing import Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, Digest, MergeDigests
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks
from pants.util.frozendict import FrozenDict

from nexus_os.boots.boot import BootRequest
from nexus_os.boots.boot_coverage import BootLines, _summary, find_boot_lines
from nexus_os.boots.boot_fields import BootTest
from nexus_os.images.lines import BuiltLines, LinesRequest
from nexus_os.references.addresses import ConfigReference, ImageReferences, ImageTargets
from nexus_os.targets.images import Rv64SystemImage
from nexus_os.targets.packages import PackageImage

OWNER = Address("ci", target_name="os2vm_test")
IMAGES = FrozenDict({"packages": "//p:packages", "system": "//g:system"})


def request(*extra_args: str) -> BootRequest:
    return BootRequest(
        ConfigReference(OWNER, "world", "w.toml", ()),
        ImageReferences(OWNER, "images", IMAGES, named=True),
        extra_args=extra_args,
    )


@pytest.mark.parametrize(
    ("extra_args", "is_on_qemu"),
    [
        ((), False),
        (("--engine", "qemu"), True),
        (("--until", "session", "--engine=qemu"), True),
        (("--engine", "reference"), False),
    ],
)
def test_real_qemu_is_known_by_its_option(extra_args: Tuple[str, ...], is_on_qemu: bool) -> None:
    assert BootTest(OWNER, request(*extra_args), "passed", None, 60).is_on_qemu is is_on_qemu


def test_lines_are_those_of_images_with_code() -> None:
    asked = []
    system = Rv64SystemImage({"kernel": ":k"}, Address("g", target_name="system"))
    packages = PackageImage({"manifests": ("a.toml",)}, Address("p", target_name="packages"))

    def build(lines: LinesRequest) -> BuiltLines:
        asked.append(lines)
        return BuiltLines(EMPTY_DIGEST, (lines.file,))

    found = run_rule_with_mocks(
        find_boot_lines,
        rule_args=[request()],
        mock_gets=[
            MockGet(
                ImageTargets,
                (ImageReferences,),
                lambda _: ImageTargets((("packages", packages), ("system", system))),
            ),
            MockGet(BuiltLines, (LinesRequest,), build),
            MockGet(Digest, (MergeDigests,), lambda _: EMPTY_DIGEST),
        ],
    )

    assert [(it.owner, it.text) for it in asked] == [(OWNER, "//g:system")]
    assert found == BootLines(EMPTY_DIGEST, ("ci.os2vm_test.system.lines.json",))
    assert found.argv == ("--coverage", "--lines", "ci.os2vm_test.system.lines.json")


def test_the_summary_has_the_figures_of_the_parts() -> None:
    output = "file  lines\na.zig  3\n\nkernel: 1 of 3 lines\n1 of 3 lines were executed.\nx.html\n"
    assert _summary(output) == "kernel: 1 of 3 lines\n1 of 3 lines were executed."
