"""Targets that build something a RISC-V machine can boot or run."""

from __future__ import annotations

import os.path
from typing import Iterable, Optional

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    OptionalSingleSourceField,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from nexus_os.targets.suggestion import ChoiceField
from nexus_os.targets.zig import ZigDependenciesField, ZigRootSourceField, ZigSourcesField

# The file that an image's zig begins with, unless its target says otherwise.
ROOT_SOURCE = "main.zig"


class GuestImageSourcesField(ZigSourcesField):
    default = ("*.zig", "*.c", "*.S", "*.h", "*.ld")
    help = help_text(
        """
        Files of this image, relative to the BUILD file. Every `.c`, `.S` and `.s` file among them
        is compiled into it; zig files are found from `root_source` by what they import.

        Images that share a folder share these defaults: where there is C or assembly, let each of
        them list its own.
        """
    )


class GuestImageRootSourceField(ZigRootSourceField):
    default = None
    help = help_text(
        f"""
        The zig file with the entry point, relative to the BUILD file. By default `{ROOT_SOURCE}`
        if that is among `sources`; without it the image is made of C and assembly alone.
        """
    )

    def path_among(self, files: Iterable[str]) -> Optional[str]:
        path = os.path.join(self.address.spec_path, self.value or ROOT_SOURCE)
        return path if self.value is not None or path in files else None


class GuestLinkerScriptField(StringField):
    alias = "linker_script"
    default = "link.ld"
    help = help_text(
        """
        The linker script: relative to the BUILD file, or from the repository's root with `//`.

        Of an image that a machine boots, it must put the entry at the board's first byte of RAM:

            ENTRY(_start)
            SECTIONS {
              . = 0x80000000;
              .text : { *(.text.start) *(.text .text.*) }
              .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
              .data : { *(.data .data.* .sdata .sdata.*) }
              .bss : { *(.sbss .sbss.* .bss .bss.* COMMON) }
            }
        """
    )


class GuestOptimizeField(ChoiceField):
    alias = "optimize"
    default = "ReleaseSafe"
    valid_choices = ("Debug", "ReleaseSafe", "ReleaseSmall", "ReleaseFast")
    help = help_text(
        """
        Optimisation mode of zig, also for C. `Debug` and `ReleaseSafe` check overflows, bounds and
        undefined behaviour at run time; `ReleaseSmall` and `ReleaseFast` check nothing.
        """
    )


class GuestCFlagsField(StringSequenceField):
    alias = "c_flags"
    default = ()
    help = help_text(
        """
        Flags of clang for the C and assembly files, behind those that fit the board. `optimize`
        chooses the level; in `Debug` and `ReleaseSafe` undefined behaviour of C traps.

        Example: `c_flags=["-std=c11", "-Wall", "-Werror"]`
        """
    )


class GuestDefinesField(StringSequenceField):
    alias = "defines"
    default = ()
    help = help_text(
        """
        Macros for the C and assembly files: `NAME`, which is 1, or `NAME=VALUE`.

        Example: `defines=["CONFIG_SHELL", 'BANNER="hello"']`
        """
    )


class GuestIncludeDirectoriesField(StringSequenceField):
    alias = "include_directories"
    default = ()
    help = help_text(
        """
        Folders in which C and assembly files look for headers: relative to the BUILD file, or from
        the repository's root with `//`. A file's own folder and the repository's root are always
        looked into.

        Headers of other targets (`files`, `resources`) come by `dependencies`.

        Example: `include_directories=["include", "//lib/board"]`
        """
    )


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
        GuestCFlagsField,
        GuestDefinesField,
        GuestIncludeDirectoriesField,
    )
    help = help_text(
        """
        One freestanding RV64IMAC ELF, for instance a kernel or one service, from zig, C, assembly,
        or a mix of them. One pinned compiler takes all three; there is no libc.

        `package` builds it. The same sources give the same bytes, in any folder.

        Examples:

            # Zig: main.zig, the modules that it imports, and a linker script of another folder.
            rv64_guest_image(name="logd", linker_script="//src/guest/lib/os/user.ld")

            # C and assembly: every .c and .S beside this BUILD file, linked by its link.ld.
            rv64_guest_image(name="firmware", c_flags=["-Wall"], include_directories=["include"])
        """
    )


class PrebuiltSourceField(OptionalSingleSourceField):
    help = "The ELF file, relative to the BUILD file. Either this or `generated_by` is given."


class PrebuiltGeneratedByField(StringField, AsyncFieldMixin):
    alias = "generated_by"
    help = help_text(
        """
        Address of a target that makes the ELF: one that `package` builds, or one that generates a
        file, such as a `shell_command` that calls another toolchain. It must make exactly one file.
        """
    )


class PrebuiltServiceField(BoolField):
    alias = "service"
    default = False
    help = help_text(
        """
        True for a program that a kernel loads, to be named in `services` of a system image: its
        addresses are virtual, and not held against those of the board.
        """
    )


class PrebuiltDependenciesField(Dependencies):
    help = "Seldom needed: the dependency on the target in `generated_by` is inferred."


class Rv64PrebuiltImage(Target):
    alias = "rv64_prebuilt_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        PrebuiltDependenciesField,
        OutputPathField,
        PrebuiltSourceField,
        PrebuiltGeneratedByField,
        PrebuiltServiceField,
    )
    help = help_text(
        """
        An ELF that some other toolchain made, for all places where an image is wanted: marker
        tests, worlds, translations, the kernel or a service of a system image.

        It is checked before anything boots it: a 64-bit little-endian RISC-V executable, loaded
        into the board's RAM, with its entry at 0x80000000, where the board starts.

        Examples:

            rv64_prebuilt_image(name="vendor", source="vendor.elf")

            shell_command(
                name="build",
                command="riscv64-unknown-elf-gcc ... -o firmware.elf",
                tools=["riscv64-unknown-elf-gcc"],
                output_files=["firmware.elf"],
            )
            rv64_prebuilt_image(name="firmware", generated_by=":build")
        """
    )


class SystemKernelField(StringField):
    alias = "kernel"
    required = True
    help = "Address of the kernel: an `rv64_guest_image`, or an `rv64_prebuilt_image`."


class SystemServicesField(StringSequenceField):
    alias = "services"
    default = ()
    help = help_text(
        """
        Addresses of the `rv64_guest_image`s and `rv64_prebuilt_image`s put into the boot archive.
        A service's name in the archive is the name of its target.
        """
    )


class SystemDependenciesField(Dependencies):
    help = "Seldom needed: dependencies on the kernel and the services are inferred."


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

        The services are in a boot archive, loaded after the last byte of the kernel. `package`
        builds it; the same parts give the same bytes.

        Example:

            rv64_system_image(
                name="system",
                kernel="//src/guest/kernel",
                services=["//src/guest/services/logd", "//src/guest/services/samgrd"],
            )
        """
    )


# The targets with code of a RISC-V machine, which may stand wherever such an image is wanted.
CODE_IMAGES = (Rv64GuestImage, Rv64PrebuiltImage, Rv64SystemImage)
