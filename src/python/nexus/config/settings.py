"""Values given on a command line over those of the files.

    --set node.ram_mib=128            of a node's file, or of a world's: --set seed=7
    --set A:node.ram_mib=128          of the node that the world's machine A boots

The value is TOML: text stands in quotes.  No message repeats a value: it may be a key by mistake.
"""

from __future__ import annotations

import re
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.config.error import ConfigError, Problem, show
from nexus.config.layers import Given, Layer, Origin, layer, merge, render
from nexus.config.lines import Location
from nexus.core.errors import UsageError, did_you_mean
from nexus.entry.options import file_name

OPTION: Final = "--set"
FORM: Final = "KEY=VALUE in TOML, such as node.ram_mib=128 or 'node.image=\"system\"'"

# As many as a user types.
SETTINGS_MAX: Final = 64

_LABELLED: Final = re.compile(r"([A-Za-z0-9_-]+):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Setting:
    """One value; with a label, of that machine's node."""

    label: str | None
    layer: Layer
    key: str  # As it was given, with the label; the value may be a key of another kind.


def add_files(parser: ArgumentParser) -> None:
    """Let a program take the files it is about."""
    parser.add_argument(
        "files", nargs="+", type=file_name, metavar="FILE", help="node or world files (TOML)"
    )


def add_option(parser: ArgumentParser) -> None:
    """Let a program take settings."""
    parser.add_argument(
        OPTION,
        dest="settings",
        action="append",
        default=[],
        metavar="[LABEL:]KEY=VALUE",
        help="a TOML value over that of the file (repeatable)",
    )


def parse_settings(given: Sequence[str]) -> tuple[Setting, ...]:
    """Read what was given, in order: later ones win.

    Raises:
        UsageError: one of them is not a key and value.
    """
    if len(given) > SETTINGS_MAX:
        raise UsageError(f"{OPTION}: {len(given)} settings; expected up to {SETTINGS_MAX}")
    return tuple(_parse(text) for text in given)


def _parse(text: str) -> Setting:
    labelled = _LABELLED.fullmatch(text)
    label, pair = labelled.groups() if labelled else (None, text)
    key, equals, _ = pair.partition("=")
    if not (key.strip() and equals) or not pair.isprintable() or key.lstrip()[:1] in "[#":
        raise UsageError(f"{OPTION}: expected {FORM}")
    try:
        data = tomllib.loads(pair)
    except (ValueError, RecursionError):
        raise UsageError(f"{OPTION} {key.strip()}: is not TOML; expected {FORM}") from None
    if "extends" in data:
        raise UsageError(f"{OPTION} extends: accepted only in files")
    prefix = f"{label}:" if label else ""

    def origin_at(place: Location) -> Origin:
        return Origin(OPTION, 0, prefix + render(place), Given.OPTION)

    return Setting(label, layer(OPTION, data, origin_at), prefix + key.strip())


def apply(base: Layer, settings: Iterable[Setting], label: str | None) -> Layer:
    """Lay the settings of one label, or those without, over a file's values."""
    for setting in settings:
        if setting.label == label:
            base = merge(base, setting.layer)
    return base


def check_labels(settings: Iterable[Setting], labels: Sequence[str]) -> None:
    """Refuse a setting for a machine that is not there; no label is known outside of a world.

    Raises:
        ConfigError: it names the label and the accepted ones.
    """
    for setting in settings:
        if setting.label is not None and setting.label not in labels:
            listed = ", ".join(labels) if labels else "none, because the file is not a world"
            text = f"{show(setting.label)} is an unknown machine; expected {listed}"
            raise ConfigError(OPTION, [Problem("", text + did_you_mean(setting.label, labels))])
