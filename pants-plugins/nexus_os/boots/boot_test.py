"""The runner's arguments, and which expectations are refused."""

from __future__ import annotations

from typing import Dict, Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.target import InvalidFieldException
from pants.util.frozendict import FrozenDict

from nexus_os.boots.boot import (
    Boot,
    BootRequest,
    _require_expectation,
    _require_known_images,
)
from nexus_os.boots.boot_fields import BootTest
from nexus_os.programs.first_party import ProgramRequest
from nexus_os.references.addresses import ConfigReference, ImageReferences
from nexus_os.targets.configs import NodeConfig

OWNER = Address("ci", target_name="t")
CONFIG = ConfigReference(OWNER, "config", "c.toml", (NodeConfig,))
IMAGES = ImageReferences(OWNER, "images", FrozenDict({"a": "//guest:a", "b": "//guest:b"}))


def boot(
    request: BootRequest,
    *,
    is_world: bool,
    native: str | None = None,
    translations: str | None = None,
) -> Boot:
    program = ProgramRequest("some.program")
    paths = (("a", "guest/a.elf"), ("b", "guest/b.elf"))
    return Boot(program, EMPTY_DIGEST, request, is_world, "ci/c.toml", paths, native, translations)


def test_node_is_told_what_to_print_one_option_a_line() -> None:
    request = BootRequest(CONFIG, IMAGES, expect=("init: ready", "end"), forbid=("PANIC",))

    assert boot(request, is_world=False).argv("out") == (
        "--node",
        "ci/c.toml",
        "--expect",
        "init: ready",
        "--expect",
        "end",
        "--forbid",
        "PANIC",
        "--image",
        "a=guest/a.elf",
        "--image",
        "b=guest/b.elf",
        "--out",
        "out",
    )


def test_run_in_the_workspace_names_its_inputs_where_they_are() -> None:
    argv = boot(BootRequest(CONFIG, IMAGES), is_world=True).argv("dist/os2vm", "{chroot}")

    assert argv == (
        "--world",
        "{chroot}/ci/c.toml",
        "--image",
        "a={chroot}/guest/a.elf",
        "--image",
        "b={chroot}/guest/b.elf",
        "--out",
        "dist/os2vm",
    )


def test_native_code_is_named_where_it_lies() -> None:
    prepared = boot(BootRequest(CONFIG, IMAGES), is_world=True, native="native.bin")

    assert prepared.argv("out")[-4:] == ("--native-blob", "native.bin", "--out", "out")
    assert "{chroot}/native.bin" in prepared.argv("out", "{chroot}")


def test_translations_choose_the_engine_that_runs_them() -> None:
    request = BootRequest(CONFIG, IMAGES)
    prepared = boot(request, is_world=True, native="n.bin", translations="t.bin")

    assert prepared.argv("out")[-6:] == (
        "--translations",
        "t.bin",
        "--engine",
        "translated",
        "--out",
        "out",
    )
    assert "{chroot}/t.bin" in prepared.argv("out", "{chroot}")
    alone = boot(request, is_world=True, translations="t.bin").argv("out")
    assert "--translations" not in alone
    assert "--engine" not in alone


@pytest.mark.parametrize("extra", [("--engine", "native"), ("--engine=native",)])
def test_engine_of_the_extra_arguments_is_kept(extra: Tuple[str, ...]) -> None:
    request = BootRequest(CONFIG, IMAGES, extra_args=extra)

    prepared = boot(request, is_world=True, native="n.bin", translations="t.bin")
    argv = prepared.argv("out")

    assert "translated" not in argv
    assert argv[-len(extra) :] == extra


def test_extra_arguments_come_last_so_that_they_win() -> None:
    request = BootRequest(CONFIG, IMAGES, seed=0, budget_ms=5, extra_args=("--engine", "qemu"))

    argv = boot(request, is_world=True).argv("out")

    assert argv[-6:] == ("--seed", "0", "--budget-ms", "5", "--engine", "qemu")


def test_test_tells_the_runner_what_counts_as_passed() -> None:
    request = BootRequest(CONFIG, IMAGES)

    assert BootTest(OWNER, request, "guest-panic", "in logd", 60).argv == (
        "--expect-outcome",
        "guest-panic",
        "--wall-seconds",
        "60",
        "--expect-message",
        "in logd",
    )
    assert "--expect-message" not in BootTest(OWNER, request, "passed", None, 60).argv


def test_test_under_a_debugger_has_the_verdict_and_no_limit_of_wall_time() -> None:
    test = BootTest(OWNER, BootRequest(CONFIG, IMAGES), "guest-panic", "in logd", 60)

    assert test.verdict_argv == (
        "--expect-outcome",
        "guest-panic",
        "--expect-message",
        "in logd",
    )


def test_node_without_expectations_is_refused() -> None:
    with pytest.raises(InvalidFieldException, match=r"The `expect` field of ci:t is empty"):
        _require_expectation(BootRequest(CONFIG, IMAGES), False)


def test_world_brings_its_own_expectations() -> None:
    _require_expectation(BootRequest(CONFIG, IMAGES), True)
    with pytest.raises(InvalidFieldException, match=r"'c\.toml', a world"):
        _require_expectation(BootRequest(CONFIG, IMAGES, expect=("x",)), True)


WORLD = b'[[machine]]\nnode = "n.toml"\nimage = "kernel"\n'
NODE = b'[packages]\nimage = "packages"\n'


def given(**images: str) -> ImageReferences:
    return ImageReferences(OWNER, "images", FrozenDict(images))


@pytest.mark.parametrize(
    "images",
    [
        {"kernel": ":k", "packages": ":p"},
        {"system": ":s"},  # The runner says which machine lacks what.
        {"system": ":s", "kernel": ":k", "packages": ":p", "package": ":q"},  # Nothing is missing.
        {"unlike_any": ":x"},
    ],
)
def test_images_that_may_be_meant_are_left_to_the_runner(images: Dict[str, str]) -> None:
    _require_known_images(given(**images), [WORLD, NODE, b"no toml ["])


def test_name_of_an_image_that_looks_like_a_missing_one_is_refused() -> None:
    with pytest.raises(
        InvalidFieldException,
        match=r"`images` field of ci:t .*name 'pakages', .*Did you mean 'packages'\? Expected",
    ):
        _require_known_images(given(kernel=":k", pakages=":p"), [WORLD, NODE])
