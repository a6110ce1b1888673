"""Prints what a host needs to reach a package index: certificates and proxies.

    python -I network.py

Two lines, each possibly empty: the file of certificates, and the proxy, of pip's configuration.
Everything else in it (indexes, constraints, links, formats) must not change a build, so Pants and
pip never see these files; this program reads the two keys that say how to reach the network and
nothing about what is fetched.

The files and their order are pip's own (`pip config debug`): a later file wins.
"""

from __future__ import annotations

import configparser
import os
import sys

SECTIONS = ("global", "install", "download")
KEYS = ("cert", "proxy")


def files(environment: dict[str, str], prefix: str) -> list[str]:
    """List the places where pip looks for its configuration, least important first."""
    home = environment.get("HOME", "")
    shared = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    own = environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    found = [os.path.join(folder, "pip", "pip.conf") for folder in shared.split(os.pathsep)]
    found.append("/etc/pip.conf")
    if home:
        found.append(os.path.join(home, ".pip", "pip.conf"))
    found.append(os.path.join(own, "pip", "pip.conf"))
    found.append(os.path.join(prefix, "pip.conf"))
    if environment.get("PIP_CONFIG_FILE"):
        found.append(environment["PIP_CONFIG_FILE"])
    return found


def settings(paths: list[str]) -> dict[str, str]:
    """The two keys, from all files that can be read; one that is not an INI file says nothing."""
    values: dict[str, str] = {}
    for path in paths:
        parsed = configparser.RawConfigParser()
        try:
            parsed.read(path, encoding="utf-8")
        except (OSError, ValueError, configparser.Error):
            continue
        for section in SECTIONS:
            for key in KEYS:
                if parsed.has_option(section, key):
                    values[key] = parsed.get(section, key).strip()
    return values


def main() -> None:
    """Print the two lines."""
    found: dict[str, str] = {}
    # pip's own way of saying that there is no configuration.
    if os.environ.get("PIP_CONFIG_FILE") != os.devnull:
        found = settings(files(dict(os.environ), sys.prefix))
    for key in KEYS:
        value = found.get(key, "")
        print("" if "\n" in value else value)


if __name__ == "__main__":
    main()
