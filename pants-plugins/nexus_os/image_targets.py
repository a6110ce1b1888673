"""Targets that build something a RISC-V machine can boot or run."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from nexus_os.zig_targets import ZigDependenciesField, ZigRootSourceField, ZigSourcesField


class GuestImageSourcesField(ZigSourcesField):
    default = ("*.zig", "*.S", "*.ld")


class GuestImageRootSourceField(ZigRootSourceField):
    default = "main.zig"
    help = "The file with the entry point, relative to the BUILD file."


class GuestLinkerScriptField(StringField):
    alias = "linker_script"
    default = "link.ld"
    help = "The linker script: relative to the BUILD file, or from the repository's root with `//`."


class GuestOptimizeField(StringField):
    alias = "optimize"
    default = "ReleaseSafe"
    valid_choices = ("Debug", "ReleaseSafe", "ReleaseSmall", "ReleaseFast")
    help = "Optimisation mode of zig. `ReleaseSafe` keeps overflow and bounds checks."


class Rv64GuestImage(Target):
    alias = "rv64_guest_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ZigDependenciesField,
        OutputPathField,
        GuestImageSourcesField,
        GuestImageRootSourceField,
        GuestLinkerScriptField,
        GuestOptimizeField,
    )
    help = help_text(
        """
        One freestanding RV64IMAC ELF, for instance the kernel or one service.

        `package` builds it. The same sources give the same bytes, in any folder.

        Example:

            rv64_guest_image(
                name="logd",
                linker_script="//src/guest/lib/os/user.ld",
                dependencies=["//src/guest/lib/os"],
            )
        """
    )


class SystemKernelField(StringField):
    alias = "kernel"
    required = True
    help = "Address of the `rv64_guest_image` that is the kernel."


class SystemServicesField(StringSequenceField):
    alias = "services"
    default = ()
    help = help_text(
        """
        Addresses of the `rv64_guest_image`s put into the boot archive. A service's name in the
        archive is the name of its target.
        """
    )


class SystemDependenciesField(Dependencies):
    pass


class Rv64SystemImage(Target):
    alias = "rv64_system_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        SystemDependenciesField,
        OutputPathField,
        SystemKernelField,
        SystemServicesField,
    )
    help = help_text(
        """
        A kernel with its services behind it, in one ELF that QEMU and the emulator boot.

        Example:

            rv64_system_image(
                name="system",
                kernel="//src/guest/kernel",
                services=["//src/guest/services/logd", "//src/guest/services/samgrd"],
            )
        """
    )
