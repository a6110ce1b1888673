"""The target of a test that plays a world with faults, for any guest."""

from __future__ import annotations

from typing import ClassVar, Iterable, Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    InvalidFieldException,
    SequenceField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from nexus_os.targets.runs import (
    BootDependenciesField,
    ExtraArgsField,
    ImagesField,
    SkipTestField,
    TimeoutField,
    TranslationsField,
    WorldField,
)

# More take longer than a developer waits for a test; a `fault_campaign` runs as many as one likes.
SEEDS_MAX = 1000


class FaultsField(StringField, AsyncFieldMixin):
    alias = "faults"
    required = True
    help = help_text(
        """
        The TOML file that says what may befall the world: relative to the BUILD file, or from the
        repository's root with `//`. It is a scenario (docs/fault-worlds.md), whose `world` and
        `oracles` may be left out: the target names them.

            [budget]                # Virtual milliseconds.
            faults_from_ms = 20
            heal_ms = 1000
            run_ms = 5000

            [[fault]]               # A kind that a run may draw, and how strong it may be.
            kind = "loss"
            most = "1/10"
        """
    )


class OracleField(StringSequenceField, AsyncFieldMixin):
    alias = "oracle"
    default = ()
    help = help_text(
        """
        Python files that judge a run, relative to the BUILD file or from the root with `//`. Each
        has a function `check(observation)` that yields a `Violation` for everything that must not
        be. It sees consoles, frames, faults and disks:

            from nexus.campaign.judging import Violation

            def check(observation):
                for line in observation.lines:
                    if "FAIL" in line.text:
                        yield Violation("failed", line.machine, line.ns, line.text)

        Without one, a run fails if a guest panics or hangs, or as the faults' file demands.
        """
    )


class SeedsField(SequenceField[int]):
    alias = "seeds"
    expected_element_type = int
    expected_type_description = "a list of whole numbers, such as `[1, 2, 3]` or `range(20)`"
    default: ClassVar[Tuple[int, ...]] = (1, 2, 3, 4, 5)
    help = help_text(
        f"""
        The seeds that are played, up to {SEEDS_MAX}: each draws other faults. They are an input of
        the test like any other, so its result is cached.

        Example: `seeds=list(range(20))`
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Iterable[int]], address: Address
    ) -> Optional[Tuple[int, ...]]:
        given = list(raw_value) if isinstance(raw_value, range) else raw_value
        value = super().compute_value(given, address)
        if value is not None and not 1 <= len(value) <= SEEDS_MAX:
            raise InvalidFieldException(
                f"The 'seeds' field in target {address} has {len(value)} seeds; expected 1 to "
                f"{SEEDS_MAX}. A `fault_campaign` runs more."
            )
        for seed in value or ():
            if not 0 <= seed < 1 << 63:
                raise InvalidFieldException(
                    f"The 'seeds' field in target {address} has {seed}; expected whole numbers "
                    "from 0 to 2**63 - 1."
                )
        return value


class FindsField(StringField):
    alias = "finds"
    help = help_text(
        """
        The name of a violation. The test then passes if one of the seeds brings it forth: a test
        that a fault is found, such as one that was planted. Without it every seed must be clean.

        Example: `finds="lost-answer"`
        """
    )


class FaultWorldTest(Target):
    alias = "fault_world_test"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        BootDependenciesField,
        WorldField,
        ImagesField,
        FaultsField,
        OracleField,
        SeedsField,
        FindsField,
        ExtraArgsField,
        TranslationsField,
        TimeoutField,
        SkipTestField,
    )
    help = help_text(
        """
        Plays a world seed by seed with faults of its network, its machines and its disks, and lets
        oracles judge each run. Any guest will do.

        A run is deterministic: a seed that fails does so again, and what it leaves under
        `dist/test` has a file that `nexus world replay` plays. A result is cached like that of any
        unit test.

        Example:

            node_configs(name="nodes")  # node-a.toml and node-b.toml

            world_config(name="world", source="world.toml")

            fault_world_test(
                name="storm",
                world="world.toml",
                images={"system": ":image"},
                faults="storm.toml",
                oracle=["oracle.py"],
                seeds=list(range(20)),
            )
        """
    )
