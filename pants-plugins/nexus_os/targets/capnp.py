"""Targets of a contract: schemas of Cap'n Proto, from which zig and Python are generated."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    Dependencies,
    MultipleSourcesField,
    StringField,
    Target,
)
from pants.util.strutil import help_text


class CapnpSourcesField(MultipleSourcesField):
    default = ("*.capnp",)
    expected_file_extensions = (".capnp",)
    help = help_text(
        """
        The schemas, relative to the BUILD file. The name of each, without its ending, is the name
        of a module of what is generated. `annotations.capnp` declares what the generator reads
        beside the language itself, and becomes no module.
        """
    )


class CapnpDependenciesField(Dependencies):
    help = "Seldom needed: what a schema imports is found by itself."


class CapnpPackageField(StringField):
    alias = "python_package"
    help = help_text(
        """
        The dotted name of the Python package that is generated, below the source root of this
        target's folder. Without this field no Python is generated here; a `capnp_python` target
        may do so elsewhere.
        """
    )


class CapnpReleasedField(StringField, AsyncFieldMixin):
    alias = "released"
    help = help_text(
        """
        Address of a `files` target with the schemas of the last release. `lint` then refuses what
        peers of that release would not survive: to take away, renumber, retype or move what they
        know, or to lower a limit. Adding is free.
        """
    )


class CapnpSchema(Target):
    alias = "capnp_schema"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        CapnpDependenciesField,
        CapnpSourcesField,
        CapnpPackageField,
        CapnpReleasedField,
    )
    help = help_text(
        """
        Schemas of Cap'n Proto as the single source of what several programs must agree on:
        constants, enumerations, messages.

        From them come a zig module, which `@import` finds by this target's name, and a Python
        package. Neither is ever in the repository; both are cached like any product.

        Example:

            capnp_schema(name="contract", sources=["*.capnp"], python_package="example.contract")
        """
    )


class CapnpPythonSourcesField(MultipleSourcesField):
    """No file of the repository: all of them are generated."""

    alias = "_sources"
    expected_num_files = 0
    help = "The generated modules."


class CapnpPythonDependenciesField(Dependencies):
    help = "Seldom needed: generated modules import nothing but the standard library."


class CapnpPythonSchemaField(StringField, AsyncFieldMixin):
    alias = "schema"
    required = True
    help = "Address of the `capnp_schema` from which the package is generated."


class CapnpPythonPackageField(StringField):
    alias = "package"
    required = True
    help = "The dotted name of the package, below the source root of this target's folder."


class CapnpPython(Target):
    alias = "capnp_python"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        CapnpPythonDependenciesField,
        CapnpPythonSourcesField,
        CapnpPythonSchemaField,
        CapnpPythonPackageField,
    )
    help = help_text(
        """
        The Python package of a `capnp_schema`, in a folder of its own: a `python_distribution`
        holds what lies below it, so a schema in another folder could not be a part of it.

        Example:

            capnp_python(name="contract", schema="//schemas:contract", package="example.contract")
        """
    )
