"""The target of a file that comes from elsewhere, and that not every machine has fetched."""

from __future__ import annotations

from pants.engine.fs import GlobMatchErrorBehavior, PathGlobs
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    SingleSourceField,
    StringField,
    Target,
)
from pants.util.strutil import help_text


class FetchedSourceField(SingleSourceField):
    expected_num_files = range(2)
    uses_source_roots = False
    help = help_text(
        """
        The file, relative to the BUILD file. Pants must not ignore it: what git ignores needs a
        line in `pants_ignore`, such as `"!/fetched/"`.
        """
    )

    def path_globs(self, unmatched_build_file_globs: object) -> PathGlobs:
        """The file alone, whether it is there or not."""
        return PathGlobs([self.file_path], glob_match_error_behavior=GlobMatchErrorBehavior.ignore)


class FetchedByField(StringField):
    alias = "fetched_by"
    required = True
    help = "The command that puts the file there. The report of a test without the file names it."


class FetchedFile(Target):
    alias = "fetched_file"
    core_fields = (*COMMON_TARGET_FIELDS, FetchedSourceField, FetchedByField)
    help = help_text(
        """
        A file that a command of yours fetches into the repository's folder: a kernel of a
        distribution, for example, which is too large to be committed.

        It may be one of the `images` of a test. Its content is an input of that test like any
        other. Where the file is not there, the test is skipped, and its report says why.

        A file at one address for ever needs none of this: use
        `file(source=http_source(url, len=..., sha256=...))`.

        Example:

            fetched_file(name="kernel", source="fetched/kernel", fetched_by="./fetch-kernel")
        """
    )

    def why_missing(self) -> str:
        """The reason of a test that would need it."""
        path, command = self[FetchedSourceField].file_path, self[FetchedByField].value
        return f"{path} is not there; {command} fetches it"
