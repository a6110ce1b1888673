"""The writing methods of `fsspec` file systems, refused: EROFS from every one."""

from __future__ import annotations

from typing import Final

from nexus.remotefs.package.oserror import refuse_write

_METHODS: Final = (
    "copy",
    "cp",
    "cp_file",
    "delete",
    "makedir",
    "makedirs",
    "mkdir",
    "mkdirs",
    "move",
    "mv",
    "mv_file",
    "pipe",
    "pipe_file",
    "put",
    "put_file",
    "rename",
    "rm",
    "rm_file",
    "rmdir",
    "touch",
    "upload",
    "write_bytes",
    "write_text",
)


class ReadOnly:
    """Put in front of a file system's base class."""

    def __init_subclass__(cls, **options: object) -> None:
        """Refuse, with and without an event loop."""
        super().__init_subclass__(**options)
        for name in _METHODS:
            setattr(cls, name, _refuse)
            setattr(cls, f"_{name}", _refuse_async)


def _refuse(self: object, path: object = None, *arguments: object, **options: object) -> None:
    """Refuse to write.  Raises ReadOnlyError."""
    refuse_write(path)


async def _refuse_async(
    self: object, path: object = None, *arguments: object, **options: object
) -> None:
    """Refuse to write.  Raises ReadOnlyError."""
    refuse_write(path)
