"""The model of a bundle's manifest, a TOML file that says which files a bundle consists of.

    [bundle]
    name = "system"
    version = "1.0.0"

    [[file]]
    path = "build.prop"                 # in the bundle; taken from the file of that name

    [[file]]
    path = "etc/motd"
    source = "texts/motd.txt"           # ... or from another, relative to the manifest

    [[file]]
    path = "noise.bin"
    generate = { bytes = 4096, seed = "noise" }   # ... or made here, the same every time

It opens no file: the caller hands over the text, and fetches what `source` names.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Annotated, Any, Final, TypeVar  # Any: TOML, as it is read.

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from nexus.core import toml
from nexus.image.error import ImageError
from nexus.image.package_image import FILE_BYTES_MAX, is_path

# Narrower than what an image can hold: what people write should be readable in a shell.
_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_VERSION: Final = r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$"

# The listing that every bundle gets (see `package`), so no file may be called so.
CONTENTS: Final = "contents.txt"

FILES_MAX: Final = 4096

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]


def _check_path(value: str) -> str:
    if not is_path(value.encode()):
        raise ValueError("expected a relative path without empty, '.' and '..' segments")
    if any(unicodedata.category(char) == "Cc" for char in value):
        raise ValueError("expected a path without control characters")
    if value == CONTENTS:
        raise ValueError(f"{CONTENTS!r} is made by the builder; expected any other name")
    return value


def _check_source(value: str) -> str:
    if not is_path(value.encode()):
        raise ValueError("expected a file beside or below the manifest, such as 'etc/motd'")
    return value


class Model(BaseModel):
    """A table: unknown keys refused, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Bundle(Model):
    """`[bundle]`: what the bundle is called."""

    name: Annotated[str, Field(pattern=_NAME)]
    version: Annotated[str, Field(pattern=_VERSION)]


class Generated(Model):
    """`generate`: a file made up of bytes that look random and never change."""

    bytes: Annotated[int, Field(ge=0, le=FILE_BYTES_MAX)]
    seed: Annotated[str, Field(min_length=1, max_length=64)]

    def content(self) -> Any:
        """Compute the content: SHAKE-256 of the seed."""
        return hashlib.shake_256(self.seed.encode()).digest(self.bytes)


class File(Model):
    """`[[file]]`: one file of the bundle, and where its content comes from."""

    path: Annotated[str, AfterValidator(_check_path)]
    source: Annotated[str, AfterValidator(_check_source)] | None = None
    generate: Generated | None = None

    @model_validator(mode="after")
    def _has_one_origin(self) -> File:
        if self.source is not None and self.generate is not None:
            raise ValueError("expected 'source' or 'generate', not both")
        return self

    @property
    def origin(self) -> str:
        """The file to read, relative to the manifest, if it is not generated."""
        return self.source or self.path


class Manifest(Model):
    """A manifest's whole file."""

    bundle: Bundle
    file: Annotated[Many[File], Field(min_length=1, max_length=FILES_MAX)]

    @model_validator(mode="after")
    def _has_no_clash(self) -> Manifest:
        paths = [file.path for file in self.file]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"path {path!r} is given twice; each path once")
            if any(other.startswith(f"{path}/") for other in paths):
                raise ValueError(f"path {path!r} is both a file and a folder")
        return self


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest; `where` names it in messages.

    Raises:
        ImageError: one line for every mistake.
    """
    try:
        return Manifest.model_validate(toml.parse(text))
    except ValidationError as exc:
        raise ImageError("\n".join(f"{where}: {line}" for line in _explain(exc))) from exc
    except toml.TomlError as exc:
        raise ImageError(exc.at(where)) from exc


def build_schema() -> dict[str, Any]:
    """Build the JSON Schema of a manifest; it says less than `parse_manifest` checks."""
    schema = Manifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


_WORDS: Final = {
    "missing": "is missing; this key is required",
    "extra_forbidden": "unknown key",
    "string_pattern_mismatch": "expected what matches {pattern}",
}


def _explain(error: ValidationError) -> list[str]:
    """Report each mistake once: a table with a bad entry is not reported again as too short."""
    found = error.errors(include_url=False)
    places = [details["loc"] for details in found]
    lines = []
    for details in found:
        place = details["loc"]
        if any(len(other) > len(place) and other[: len(place)] == place for other in places):
            continue
        field = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in place).lstrip(".")
        text = _WORDS.get(details["type"], details["msg"].removeprefix("Value error, "))
        text = text.format(**details.get("ctx", {})) if details["type"] in _WORDS else text
        is_plain = not isinstance(details["input"], dict | list | tuple)
        value = f"{details['input']!r:.80}; " if is_plain else ""
        lines.append(f"{field}: {value}{text}" if field else text)
    return list(dict.fromkeys(lines))
