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

from nexus_os.suggestion import ChoiceField


class BootDependenciesField(Dependencies):
    pass


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
        The lines a node must print, in this order. A node without any is an error: a test that
        expects nothing passes whatever happens. A world lists its own.
        """
    )


class WorldField(StringField, AsyncFieldMixin):
    alias = "world"
    required = True
    help = "The world: a TOML file that a `world_config` owns, or the address of a `world_config`."


class ImagesField(DictStringToStringField, AsyncFieldMixin):
    alias = "images"
    required = True
    help = help_text(
        """
        The images that the nodes of the world boot, by the names the world uses for them.

        Example: `images={"system": "//src/guest:system"}`
        """
    )


# Every way in which the runner says that a run ended.
OUTCOMES = (
    "passed",
    *("forbidden-marker", "guest-panic", "time-budget", "deadlock", "garbled-log"),
    *("instruction-budget", "service-crash", "misplaced-marker"),
    *("missing-launch", "missing-discovery", "missing-session", "missing-remote", "missing-end"),
    *("unexpected-outcome", "bad-configuration"),
    *("host-fault", "engine-unavailable", "interrupted"),
)


class TestOutcomeField(ChoiceField):
    alias = "outcome"
    default = "passed"
    valid_choices = OUTCOMES
    help = help_text(
        """
        The name of the outcome that makes the test pass. With another one than `passed` this is a
        test that a fault is noticed, and named right; `message` says what the explanation of it
        must contain.
        """
    )


class TestMessageField(StringField):
    alias = "message"
    help = "Text that the explanation of the outcome must contain."


class MarkerTestForbidField(StringSequenceField):
    alias = "forbid"
    default = ()
    help = "Text that no line may contain."


class SeedField(IntField):
    alias = "seed"
    valid_numbers = ValidNumbers.positive_and_zero
    help = "Seed of all chance in the world, instead of the one its configuration gives."


class BudgetField(IntField):
    alias = "budget_ms"
    valid_numbers = ValidNumbers.positive_only
    help = "Virtual milliseconds after which the run ends, instead of what the configuration gives."


class ExtraArgsField(StringSequenceField):
    alias = "extra_args"
    default = ()
    help = "More arguments for the runner, behind all others."


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


_TEST_FIELDS = (
    *COMMON_TARGET_FIELDS,
    BootDependenciesField,
    TestOutcomeField,
    TestMessageField,
    SeedField,
    BudgetField,
    ExtraArgsField,
    TranslationsField,
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

        Example:

            guest_marker_test(
                name="boot_test",
                image="//src/guest:system",
                config="node-single.toml",
                expect=["init: ready", "SELFTEST: end"],
            )
        """
    )


class TwoVmTest(Target):
    alias = "two_vm_test"
    core_fields = (*_TEST_FIELDS, WorldField, ImagesField)
    help = help_text(
        """
        Boots the machines of a world side by side and judges them by what the world expects.

        The run is deterministic, so a result is cached like that of any unit test. The logs, the
        capture and the summary are left under `dist/test`.

        Example:

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
    core_fields = (
        *COMMON_TARGET_FIELDS,
        BootDependenciesField,
        WorldField,
        ImagesField,
        SeedField,
        BudgetField,
        ExtraArgsField,
        TranslationsField,
        RunOutField,
    )
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
