"""Targets that boot images: tests of one machine, tests of a world, and worlds to run by hand."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    DictStringToStringField,
    IntField,
    StringField,
    StringSequenceField,
    Target,
    ValidNumbers,
)
from pants.util.strutil import help_text

from nexus_os.targets.outcomes import TestMessageField, TestOutcomeField


class BootDependenciesField(Dependencies):
    help = help_text(
        """
        Seldom needed: dependencies on the targets that other fields name, and on all that these
        need, are inferred. List here a file that `extra_args` gives to the runner.
        """
    )


class MarkerTestImageField(StringField, AsyncFieldMixin):
    alias = "image"
    required = True
    help = "Address of what boots: `rv64_system_image`, `rv64_guest_image`, `rv64_prebuilt_image`."


class MarkerTestConfigField(StringField, AsyncFieldMixin):
    alias = "config"
    required = True
    help = help_text(
        """
        What to boot: a TOML file that a `node_config` or a `world_config` owns, or the address of
        one. A world brings its own expectations; it calls its image `system`.
        """
    )


class MarkerTestExpectField(StringSequenceField):
    alias = "expect"
    help = help_text(
        """
        The lines a node must print: whole lines, in this order, with any others between them. A
        node without any is an error: a test that expects nothing passes whatever happens. A world
        lists its own, and this is then left out.

        Example: `expect=["init: ready", "hello: done"]`
        """
    )


class WorldField(StringField, AsyncFieldMixin):
    alias = "world"
    required = True
    help = help_text(
        """
        The world: a TOML file that a `world_config` owns, relative to the BUILD file or from the
        root with `//`; or the address of a `world_config`.
        """
    )


class ImagesField(DictStringToStringField, AsyncFieldMixin):
    alias = "images"
    required = True
    help = help_text(
        """
        The images that the machines of the world use, by the names that the world and its nodes
        have for them: `image` of a machine or of a `[node]`, which is `system` unless they say
        otherwise, and those of drives. One name serves any number of machines. Beside what is built
        here, an image may be a `file` or a `fetched_file`: a foreign kernel, firmware,
        initial RAM disk or disk, as it is.

        Example: `images={"system": "//src/guest:system", "packages": "//pkgs:packages"}`
        """
    )


class MarkerTestForbidField(StringSequenceField):
    alias = "forbid"
    default = ()
    help = help_text(
        """
        Text that no line may contain. It ends the run at once, as `forbidden-marker`.

        Example: `forbid=["panic", "FAIL"]`
        """
    )


class SeedField(IntField):
    alias = "seed"
    valid_numbers = ValidNumbers.positive_and_zero
    help = help_text(
        """
        Seed of all chance in the world, instead of the one that its configuration gives: entropy
        of the guests, loss and jitter of the network. The same seed gives the same run.
        """
    )


class BudgetField(IntField):
    alias = "budget_ms"
    valid_numbers = ValidNumbers.positive_only
    help = help_text(
        """
        Virtual milliseconds after which the run ends, besides the budgets that the world gives its
        phases. Idle time costs nothing, so this may be generous.
        """
    )


class ExtraArgsField(StringSequenceField):
    alias = "extra_args"
    default = ()
    help = help_text(
        """
        More arguments for the runner, behind all others. `run` a `guest_run` with `-- --help` for
        a list.

        Example: `extra_args=["--until", "session"]`
        """
    )


class TranslationsField(StringField, AsyncFieldMixin):
    alias = "translations"
    help = help_text(
        """
        Address of an `rv64_translation`. The run then uses the engine `translated`, unless
        `extra_args` names another; code that the translation lacks is interpreted.
        """
    )


class TimeoutField(IntField):
    alias = "timeout"
    valid_numbers = ValidNumbers.positive_only
    default = 600
    help = help_text(
        """
        Seconds of wall time after which the runner gives up, and leaves the logs of what happened
        so far. Pants itself waits a little longer: a runner stopped from outside leaves nothing.
        """
    )


class SkipTestField(StringField):
    alias = "skip_reason"
    help = "If given, the test is left out. Say why, and what has to happen for it to come back."


# The fields of every boot, be it a test or not.
BOOT_FIELDS = (
    *COMMON_TARGET_FIELDS,
    BootDependenciesField,
    SeedField,
    BudgetField,
    ExtraArgsField,
    TranslationsField,
)

_TEST_FIELDS = (
    *BOOT_FIELDS,
    TestOutcomeField,
    TestMessageField,
    TimeoutField,
    SkipTestField,
)


class GuestMarkerTest(Target):
    alias = "guest_marker_test"
    core_fields = (
        *_TEST_FIELDS,
        MarkerTestImageField,
        MarkerTestConfigField,
        MarkerTestExpectField,
        MarkerTestForbidField,
    )
    help = help_text(
        """
        Boots one machine and waits for the lines it must print.

        The run is deterministic, so a result is cached like that of any unit test. Its logs, the
        summary and the capture are left under `dist/test`.

        Example, of a guest in C and all that it needs:

            rv64_guest_image(name="image")

            node_config(name="node", source="node.toml")

            guest_marker_test(
                name="test",
                image=":image",
                config="node.toml",
                expect=["hello from C"],
            )
        """
    )


class TwoVmTest(Target):
    alias = "two_vm_test"
    core_fields = (*_TEST_FIELDS, WorldField, ImagesField)
    help = help_text(
        """
        Boots the machines of a world side by side, two or any other number of them, and judges
        them by what the world expects.

        The run is deterministic, so a result is cached like that of any unit test. Its logs, the
        summary and the capture are left under `dist/test`.

        Example:

            node_configs(name="nodes")  # node-a.toml and node-b.toml

            world_config(name="world", source="os2vm.toml")

            two_vm_test(
                name="os2vm_test",
                world="os2vm.toml",
                images={"system": "//src/guest:system"},
            )
        """
    )


class RunOutField(StringField):
    alias = "out"
    help = "Folder for logs, capture and summary. By default `dist/` and the target's name."


class GuestRun(Target):
    alias = "guest_run"
    core_fields = (*BOOT_FIELDS, WorldField, ImagesField, RunOutField)
    help = help_text(
        """
        A world to run by hand or in a pipeline: `run` builds the images and boots it, shows the
        progress, and ends with the exit code of the outcome.

        What follows `--` on the command line goes to the runner; `-- --help` lists it.

        Example:

            guest_run(
                name="os2vm",
                world="os2vm.toml",
                images={"system": "//src/guest:system"},
            )
        """
    )
