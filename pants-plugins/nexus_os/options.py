"""The options of `[nexus-os]`: which programs there are, and what builds and tests must not see."""

from __future__ import annotations

from pants.option.option_types import BoolOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text


class NexusOs(Subsystem):
    options_scope = "nexus-os"
    name = "nexus-os"
    help = "Guest images, node and world configurations, and the programs that handle them."

    programs = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the PEX of a release, `nexus.pex`, which holds all programs
            that the options below name. Empty: this repository has their sources.
            """
        ),
    )
    compilers = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the PEX of a release that holds the modules of
            `native_resolve`, without their requirements; beside `programs`, for `rv64_translation`.
            """
        ),
    )
    native_interpreter = StrOption(
        default="",
        help=help_text(
            """
            Path from the build root to the emulator's compiled interpreter, as a release has it.
            Empty: `native_module` compiles it.
            """
        ),
    )
    image_module = StrOption(
        default="nexus.image.system",
        help="Module that joins a kernel and its services into one image.",
        advanced=True,
    )
    package_module = StrOption(
        default="nexus.image.package",
        help="Module that builds a package image of bundles of files.",
        advanced=True,
    )
    schema_module = StrOption(
        default="nexus.schema.generate",
        help="Module that generates code from schemas of Cap'n Proto.",
        advanced=True,
    )
    evolution_module = StrOption(
        default="nexus.schema.evolution",
        help="Module that holds schemas of Cap'n Proto to the last released ones.",
        advanced=True,
    )
    check_module = StrOption(
        default="nexus.config.check",
        help="Module that validates node and world configurations.",
        advanced=True,
    )
    run_module = StrOption(
        default="nexus.harness.os2vm",
        help="Module that boots machines and judges what they print.",
        advanced=True,
    )
    lines_module = StrOption(
        default="nexus.cli.coverage.lines",
        help="Module that writes which line each instruction of an image comes from.",
        advanced=True,
    )
    coverage_module = StrOption(
        default="nexus.cli.coverage.report",
        help="Module that reports which lines of the guest tests have executed.",
        advanced=True,
    )
    campaign_module = StrOption(
        default="nexus.campaign.simulate",
        help="Module that runs campaigns of fault worlds.",
        advanced=True,
    )
    mutants_module = StrOption(
        default="nexus.campaign.mutants",
        help="Module that hunts deliberately wrong systems, for `guest_mutants`.",
        advanced=True,
    )
    native_module = StrOption(
        default="nexus.emulator.native.build",
        help=help_text(
            """
            Module that compiles the emulator's native interpreter, which every boot then uses
            where the host's processor allows it. Empty: boots use the reference interpreter.
            """
        ),
        advanced=True,
    )
    translate_module = StrOption(
        default="nexus.emulator.native.translate",
        help="Module that translates the code of guest images, for `rv64_translation`.",
        advanced=True,
    )
    native_resolve = StrOption(
        default="llvm",
        help="The resolve of the modules that `native_module` and `translate_module` name.",
        advanced=True,
    )
    hide = StrListOption(
        default=["network", "home"],
        help=help_text(
            """
            Parts of the machine that are hidden from builds, boots and Python tests. `network`
            leaves loopback alone. `home` gives an empty folder that cannot be written, and other
            names for the user and the machine. A part that this machine cannot hide stays visible,
            and a warning says so.
            """
        ),
    )
    require_hidden = BoolOption(
        default=False,
        help=help_text(
            """
            Fail, instead of warning, on a machine that cannot hide what `hide` names. This is for
            pipelines: the result of a build that saw the host's network or home must not be shared.
            """
        ),
    )
    tailor = BoolOption(
        default=True,
        help=help_text(
            """
            Let the `tailor` goal propose targets: `zig_module` and `zig_test` for `root.zig`,
            `rv64_guest_image` beside a linker script, `node_configs`, `node_config` and
            `world_config` for TOML files of these shapes.
            """
        ),
        advanced=True,
    )
