"""The target of a proof that a campaign finds deliberate mistakes."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    SingleSourceField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from nexus_os.targets.runs import ImagesField, RunOutField, SkipTestField, TimeoutField


class MutantsDependenciesField(Dependencies):
    help = "The scenarios that the mutants name, and the worlds, nodes and oracles of those."


class MutantsSourceField(SingleSourceField):
    expected_file_extensions = (".toml",)
    help = help_text(
        """
        The file that lists the mutants, as tables `[[mutant]]`:

            name = "ttl-never-expires"      # The mutant and its image have it.
            text = "a peer that is not heard is known for ever"
            file = "src/guest/lib/dsoftbus/discovery.zig"
            find = "now_ns > seen_ns + ttl_ns"      # Stands in the file exactly once.
            replace = "false"
            scenario = "pair_storm.toml"    # Beside this file.
            seeds = 4                       # Within so many it must be found ...
            rules = ["not-alive"]           # ... by one of these rules.
        """
    )


class MutantsSystemField(StringField, AsyncFieldMixin):
    alias = "system"
    required = True
    help = help_text(
        """
        Address of the `rv64_system_image` that the mutants are of. The worlds have it as `system`.
        """
    )


class MutantsOthersField(ImagesField):
    alias = "images"
    required = False
    help = "Other images that the worlds want, by their names, such as drives."


class MutantsTestedField(StringSequenceField):
    alias = "tested"
    default = ()
    help = "The names of those mutants that the `test` goal hunts. The `run` goal hunts all."


class GuestMutants(Target):
    alias = "guest_mutants"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        MutantsDependenciesField,
        MutantsSourceField,
        MutantsSystemField,
        MutantsOthersField,
        MutantsTestedField,
        RunOutField,
        SkipTestField,
        TimeoutField,
    )
    help = help_text(
        """
        Deliberately wrong versions of a system, and the proof that a campaign of fault worlds finds
        each of them: a mutant that survives is an oracle that is missing.

        `run` builds them all and hunts them; `test` hunts those in `tested`. No other target ever
        has one of these images.

        Example:

            guest_mutants(
                name="mutants",
                source="mutants.toml",
                system=":system",
                dependencies=[":scenarios", ":world", ":oracle"],
                tested=["ttl-never-expires"],
            )
        """
    )
