"""The target of package images: bundles of files on a read-only drive."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    MultipleSourcesField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text


class PackageSourcesField(MultipleSourcesField):
    default = ("**/*", "!**/BUILD", "!BUILD")
    uses_source_roots = False
    help = help_text(
        """
        Manifests and the files that they name, relative to the BUILD file. By default everything
        beside and below it.
        """
    )


class PackageManifestsField(StringSequenceField):
    alias = "manifests"
    required = True
    help = "The manifests of the bundles, relative to the BUILD file; they must be among `sources`."


class PackageDependenciesField(Dependencies):
    help = "Seldom needed: the files of the image are its `sources`."


class PackageImage(Target):
    alias = "package_image"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        PackageDependenciesField,
        OutputPathField,
        PackageSourcesField,
        PackageManifestsField,
    )
    help = help_text(
        """
        A `PKGIMGV2` image: bundles of ordinary files, for the read-only drive of a node.

        `package` builds it. The same files give the same bytes, in any folder. In a world it is
        one of the images, under the name that `[packages]` of a node's configuration gives.

        Example:

            package_image(name="packages", manifests=["system/bundle.toml"])
        """
    )
