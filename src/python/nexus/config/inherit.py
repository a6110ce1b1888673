"""Files that extend other files.

    extends = "base.toml"                   # or a list, of which later ones win
    extends = ["network.toml", "peers.toml"]

A path is relative to the file that states it.  A base need not be complete: only what comes out
is checked, and then each mistake names the file it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import ConfigDict, ValidationError

from nexus.config.error import ConfigError, Problem
from nexus.config.explain import explain
from nexus.config.fields import Extends, Model
from nexus.config.files import find_missing, read_layer
from nexus.config.kinds import Kind, has_keys_of, kind_of
from nexus.config.layers import Layer, cut, merge, render

# Longer chains are not followed by readers either.
DEPTH_MAX: Final = 8

# All files of one configuration: bases of bases may name one file over and over.
FILES_MAX: Final = 32

KEY: Final = "extends"


class _Head(Model):
    """The one key of a file that is read before its bases."""

    model_config = ConfigDict(extra="ignore")

    extends: Extends = ()


@dataclass(slots=True)
class _Inheritance:
    """One configuration being put together."""

    read: Callable[[Path], Layer]
    files: int = 0
    chain: list[Path] = field(default_factory=list)

    def load(self, path: Path, kind: Kind | None) -> tuple[Layer, Kind | None]:
        """Read a file and, below it, its bases."""
        own = self.read(path)
        found = kind_of(own.data)
        if kind and found and kind is not found and not has_keys_of(kind, own.data):
            text = f"is a {found.value} file; expected a {kind.value} file"
            raise ConfigError(own.source, [Problem("", text)])
        kind = kind or found
        merged: Layer | None = None
        self.chain.append(_identity(path))
        for name, place, line in _bases(own):
            base = path.parent / name
            self._admit(own.source, Problem(place, "", line=line), name, base)
            layer, base_kind = self.load(base, None)
            if kind and base_kind and kind is not base_kind:
                text = f"{name!r} is a {base_kind.value} file; expected {kind.value} files"
                raise ConfigError(own.source, [Problem(place, text, line=line)])
            kind = kind or base_kind
            merged = layer if merged is None else merge(merged, layer)
        self.chain.pop()
        own = cut(own, KEY)
        return (own if merged is None else merge(merged, own)), kind

    def _admit(self, source: str, place: Problem, name: str, path: Path) -> None:
        """Refuse a base that is not there, or one too many; `place` is where it is named."""
        self.files += 1
        text = find_missing(path, name, "file")
        if text is None and _identity(path) in self.chain:
            names = [step.name for step in self.chain[self.chain.index(_identity(path)) :]]
            text = f"{name!r} extends itself: {' > '.join([*names, path.name])}"
        elif text is None and len(self.chain) >= DEPTH_MAX:
            text = f"{name!r} is base {len(self.chain)} of a chain; expected at most"
            text += f" {DEPTH_MAX - 1} bases"
        elif text is None and self.files >= FILES_MAX:
            text = f"{name!r} is file {self.files + 1} of this tree; expected at most {FILES_MAX}"
        if text is not None:
            raise ConfigError(source, [replace(place, text=text)])


def load_extended(path: Path, kind: Kind | None = None) -> tuple[Layer, Kind | None]:
    """Read a file with everything it extends; says which kind it is, if its keys show that.

    Raises:
        ConfigError: one line that names the file in which the wrong value stands.
    """
    return _Inheritance(read_layer).load(path, kind)


def _bases(own: Layer) -> list[tuple[str, str, int]]:
    """List what a file extends, each with the name of the field and its line."""
    data: Mapping[str, object] = own.data
    is_list = isinstance(data.get(KEY), list)
    try:
        names = _Head.model_validate(dict(data)).extends
    except ValidationError as exc:
        found = explain(exc, _Head)
        problems = [own.place(p if is_list else Problem(KEY, p.text)) for p in found]
    else:
        places = [(KEY, i) if is_list else (KEY,) for i in range(len(names))]
        origins = (own.find_origin(place) for place in places)
        return [
            (name, render(place), origin.line if origin else 0)
            for name, place, origin in zip(names, places, origins, strict=True)
        ]
    raise ConfigError(own.source, problems)


def _identity(path: Path) -> Path:
    """One path for one file, however it is reached."""
    return path.resolve()
