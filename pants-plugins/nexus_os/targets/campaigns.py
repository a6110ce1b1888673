"""Targets that hunt: a campaign of fault worlds, to run by hand or in a pipeline."""

from __future__ import annotations

from pants.engine.target import COMMON_TARGET_FIELDS, StringSequenceField, Target
from pants.util.strutil import help_text

from nexus_os.targets.runs import (
    BootDependenciesField,
    ExtraArgsField,
    ImagesField,
    RunOutField,
    TranslationsField,
)


class ScenariosField(StringSequenceField):
    alias = "scenarios"
    required = True
    help = help_text(
        """
        TOML files of scenarios, relative to the BUILD file or from the root with `//`. Each names a
        world, the faults that a run may draw, and the oracles that judge it.

        Example: `scenarios=["faults/links.toml", "faults/power.toml"]`
        """
    )


class FaultCampaign(Target):
    alias = "fault_campaign"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        BootDependenciesField,
        ScenariosField,
        ImagesField,
        ExtraArgsField,
        TranslationsField,
        RunOutField,
    )
    help = help_text(
        """
        Runs worlds with faults, seed by seed over all processors, until one breaks a rule: `run`
        builds the images and hunts. Each failing seed is a line with the command that replays it.

        What follows `--` on the command line goes to the program; `-- --help` lists it.

        Example:

            fault_campaign(
                name="simulate",
                scenarios=["faults/links.toml"],
                images={"system": "//src/guest:system"},
            )
        """
    )
