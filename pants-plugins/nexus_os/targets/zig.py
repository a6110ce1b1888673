"""Targets written in zig: modules, the tests in them, and libraries made of them."""

from __future__ import annotations

import os.path
from typing import Iterable, Optional

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    IntField,
    MultipleSourcesField,
    StringField,
    Target,
    ValidNumbers,
)
from pants.util.strutil import help_text

from nexus_os.targets.suggestion import ChoiceField


class ZigSourcesField(MultipleSourcesField):
    """Any zig source; `zig fmt` and the collection of a build's inputs look for this field."""

    help = help_text(
        """
        Files of this target, relative to the BUILD file. A change to any of them builds again what
        depends on it, so modules that share a folder do well to list their own.
        """
    )


class ZigModuleSourcesField(ZigSourcesField):
    default = ("*.zig",)


class ZigDependenciesField(Dependencies):
    help = help_text(
        """
        Addresses of targets that the sources need, and that Pants cannot infer from them. It
        infers the `zig_module` behind `@import("name")`, and the `files` or `resources` target
        that owns the file of an `@embedFile`.

        List headers of other targets, for C; and a module whose name several targets have. An
        address with `!` before it takes an inferred dependency away.
        """
    )


class ZigRootSourceField(StringField, AsyncFieldMixin):
    alias = "root_source"
    default = "root.zig"
    help = "The file that is the module, relative to the BUILD file."

    def path_among(self, files: Iterable[str]) -> Optional[str]:
        """The file's path from the repository's root; `files` are the target's own."""
        return os.path.join(self.address.spec_path, self.value or "")


class ZigModule(Target):
    alias = "zig_module"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ZigDependenciesField,
        ZigModuleSourcesField,
        ZigRootSourceField,
    )
    help = help_text(
        """
        A zig module: what `@import("name")` gives. Its name is the name of the target, which by
        default is that of the folder. One name for one module in the repository saves its users
        the `dependencies`.

        Example:

            zig_module(name="net")
            zig_test(name="tests", module=":net")
        """
    )


class ZigModuleAddressField(StringField, AsyncFieldMixin):
    alias = "module"
    required = True
    help = "Address of a `zig_module`: the one that is tested, or made a library."


class ZigTestTimeoutField(IntField):
    alias = "timeout"
    default = 300
    valid_numbers = ValidNumbers.positive_only
    help = "Seconds after which the compiler or the tests are stopped and the test has failed."


class ZigModuleAddressDependenciesField(Dependencies):
    help = "Seldom needed: the dependency on the module is inferred."


class ZigTest(Target):
    alias = "zig_test"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ZigModuleAddressDependenciesField,
        ZigModuleAddressField,
        ZigTestTimeoutField,
    )
    help = help_text(
        """
        Runs the `test` blocks of a zig module on this machine, under the `test` goal.

        The compiler collects the blocks of the module's root file and of the files that it imports
        by path. Modules that it imports by name have a `zig_test` of their own.

        Example:

            zig_module(name="net")
            zig_test(name="tests", module=":net")
        """
    )


class ZigLibraryOptimizeField(ChoiceField):
    alias = "optimize"
    default = "ReleaseSafe"
    valid_choices = ("Debug", "ReleaseSafe", "ReleaseSmall", "ReleaseFast")
    help = "Optimisation mode of zig. `ReleaseSafe` keeps overflow and bounds checks."


class ZigSharedLibrary(Target):
    alias = "zig_shared_library"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        OutputPathField,
        ZigLibraryOptimizeField,
        ZigModuleAddressDependenciesField,
        ZigModuleAddressField,
    )
    help = help_text(
        """
        What a zig module exports, as a shared library for this machine's programs.

        `package` builds it; `runtime_package_dependencies` of a Python test put it beside the
        test. The same sources give the same bytes, in any folder.

        Example:

            zig_module(name="net_host")
            zig_shared_library(name="library", module=":net_host")
        """
    )
