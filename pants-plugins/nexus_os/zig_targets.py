"""Targets written in zig: modules, and the tests in them."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    IntField,
    MultipleSourcesField,
    StringField,
    Target,
)
from pants.util.strutil import help_text


class ZigSourcesField(MultipleSourcesField):
    """Any zig source; `zig fmt` and the collection of a build's inputs look for this field."""

    help = "Files of this target. Imports by path between them are found by the compiler itself."


class ZigModuleSourcesField(ZigSourcesField):
    default = ("*.zig",)


class ZigDependenciesField(Dependencies):
    help = help_text(
        """
        Addresses of the `zig_module`s this one imports with `@import("name")`. Targets with plain
        files (`resources`, `files`) may be named too; they are put next to the sources, for
        `@embedFile`.
        """
    )


class ZigRootSourceField(StringField):
    alias = "root_source"
    default = "root.zig"
    help = "The file that is the module, relative to the BUILD file."


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
        default is that of the folder.

        Example:

            zig_module(name="net", dependencies=["//src/guest/abi"])
            zig_test(name="tests", module=":net")
        """
    )


class ZigTestModuleField(StringField, AsyncFieldMixin):
    alias = "module"
    required = True
    help = "Address of the `zig_module` whose tests are run."


class ZigTestTimeoutField(IntField):
    alias = "timeout"
    default = 300
    help = "Seconds after which the compiler or the tests are stopped and the test has failed."


class ZigTestDependenciesField(Dependencies):
    pass


class ZigTest(Target):
    alias = "zig_test"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ZigTestDependenciesField,
        ZigTestModuleField,
        ZigTestTimeoutField,
    )
    help = help_text(
        """
        Runs the `test` blocks of a zig module on this machine, under the `test` goal.

        The compiler collects the blocks of the module's root file and of the files that it imports
        by path. Modules that it imports by name have a `zig_test` of their own.
        """
    )
