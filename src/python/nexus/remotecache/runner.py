"""The settings of a runner: one file, and one token.

The file is a shell's: `source` it.  It also holds the certificate of the server's authority, in a
text that the shell skips; a reader of certificates finds it there.
"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import Final

from nexus.remotecache import server, settings
from nexus.remotecache.credentials import LOCAL_NAME
from nexus.remotecache.sandbox import interpreter_folders, tool_folders, visible_folders

# How the two files of a runner are called.
SETTINGS_FILE: Final = "settings.sh"
TOKEN_FILE: Final = "token"

# The variables for the token's path, if a runner keeps it elsewhere, and for the settings' path.
TOKEN_VARIABLE: Final = "NEXUS_CACHE_TOKEN"
SETTINGS_VARIABLE: Final = "NEXUS_CACHE_SETTINGS"

# The setting for a token that may only read: it may neither write nor execute.
READS_ONLY: Final = "export PANTS_REMOTE_CACHE_WRITE=false PANTS_REMOTE_EXECUTION=false"

# The first line of settings that no other machine can use.
FOR_THIS_MACHINE: Final = (
    f"# For this machine alone: the server is named {LOCAL_NAME}.  For others: --listen, --name."
)


def environment(
    running: server.CacheServer, arguments: argparse.Namespace, ca: str, token: str
) -> dict[str, str]:
    """The variables of a runner."""
    place = running.place
    found = dict(
        settings.pants_environment(
            port=running.port, ca_path=ca, token_path=token, writes=True, host=place.host
        )
    )
    if place.database:
        folders = visible_folders(os.environ, arguments.mount)
        found |= settings.execution_environment(
            port=running.port,
            caches=settings.SANDBOX_CACHES,
            interpreters=interpreter_folders(folders),
            tools=tool_folders(os.environ, folders),
            host=place.host,
        )
    return found


def render(variables: dict[str, str], authority: str, folder: Path) -> str:
    """The file: variables, two of which say where it and the token are, and the authority."""
    own, token = folder / SETTINGS_FILE, folder / TOKEN_FILE
    lines = [
        f"# A shared cache.  `source` this; it belongs at {own}, the token at {token}",
        f"# (or say where they are in {SETTINGS_VARIABLE} and {TOKEN_VARIABLE}).",
    ]
    for name, value in variables.items():
        if name == "PANTS_REMOTE_CA_CERTS_PATH":
            lines.append(f'export {name}="${{{SETTINGS_VARIABLE}:-{own}}}"')
        elif name == "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH":
            lines.append(f'export {name}="${{{TOKEN_VARIABLE}:-{token}}}"')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    lines += [
        "# With a token that may only read:",
        f"#   {READS_ONLY}",
    ]
    lines += [": <<'AUTHORITY'", authority.strip(), "AUTHORITY"]
    return "\n".join(lines) + "\n"


def print_settings(running: server.CacheServer, arguments: argparse.Namespace) -> None:
    """Say what to set on this machine, and write the file for others."""
    made, place = running.credentials, running.place
    variables = environment(running, arguments, str(made.ca), str(made.token(settings.WRITER)))
    where = place.host if place.host != LOCAL_NAME else "localhost"
    print(f"# remote_cache: serving on {where}:{running.port}, process {os.getpid()}")
    print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
    print("# With a token that may only read, set instead:")
    print(f"#   {READS_ONLY}")
    reader = shlex.quote(str(made.token(settings.READER)))
    print(f"#   export PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH={reader}", flush=True)
    if arguments.settings is None:
        return
    if place.host == LOCAL_NAME:
        lines = (f"export {n}={shlex.quote(v)}\n" for n, v in variables.items())
        text = f"{FOR_THIS_MACHINE}\n{''.join(lines)}"
    else:
        authority = made.ca.read_text(encoding="ascii")
        text = render(variables, authority, arguments.runner_folder)
    arguments.settings.write_text(text, encoding="utf-8")
