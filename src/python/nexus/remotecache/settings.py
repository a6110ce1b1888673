"""What the servers of a shared cache are told, and what Pants must be told to use them.

Pure: text and tables of settings, no files, no processes.  The names and shapes are those of
BuildGrid 0.4.4's configuration file and of the options of Pants 2.17.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

INSTANCE: Final = "main"

# Both sides must name the same audience, or both none.
AUDIENCE: Final = "nexus-remote-cache"

# Whom a token is made out to, and with that what it allows.
WRITER: Final = "writer"
READER: Final = "reader"

# Pants asks up to 128 things at once; with fewer threads BuildGrid refuses some of them, and each
# refusal is a miss.
THREADS: Final = 300

# What the runner is told of each process it executes.  The network is for those that install what
# a lock names; there is none without.  The user is `nobody`, and not root: root's number without
# root's rights gets no namespaces, by which a process hides network and home.
EXECUTION_PROPERTIES: Final = (("network", "on"), ("unixUID", "65534"), ("unixGID", "65534"))

# What reading takes; the names are those of the calls of the Remote Execution API.
READING_CALLS: Final = (
    "GetCapabilities",
    "GetActionResult",
    "FindMissingBlobs",
    "BatchReadBlobs",
    "Read",
    "QueryWriteStatus",
    "GetTree",
)


@dataclass(frozen=True, kw_only=True)
class FrontPaths:
    """The files that the front is configured with, and the socket of the store behind it."""

    server_key: str
    server_certificate: str
    token_secret: str
    access_list: str
    store_socket: str


def front_configuration(address: str, paths: FrontPaths) -> str:
    """The configuration of the front: TLS, tokens and the access list over the store.

    Strings are written as JSON, which YAML reads as the same strings, whatever is in a path.
    """
    store = json.dumps(f"unix:{paths.store_socket}")
    instance = json.dumps(INSTANCE)
    return f"""\
server:
  - !channel
    address: {json.dumps(address)}
    insecure-mode: false
    credentials:
      tls-server-key: {json.dumps(paths.server_key)}
      tls-server-cert: {json.dumps(paths.server_certificate)}
description: shared cache
authorization:
  method: jwt
  secret: {json.dumps(paths.token_secret)}
  algorithm: hs256
  audience: {json.dumps(AUDIENCE)}
  acl-config: {json.dumps(paths.access_list)}
monitoring:
  enabled: false
storages:
  - !remote-storage &storage
    url: {store}
    instance-name: {instance}
caches:
  - !remote-action-cache &actions
    url: {store}
    instance-name: {instance}
instances:
  - name: {instance}
    description: shared cache
    services:
      - !action-cache
        cache: *actions
      - !cas
        storage: *storage
      - !bytestream
        storage: *storage
thread-pool-size: {THREADS}
grpc-server-options:
  # Unless told, the system shares a port among all servers that ask for it: each client would meet
  # one of them by chance, and half of them the wrong certificate.
  grpc.so_reuseport: 0
"""


def access_list() -> str:
    """Who may call what; whoever is not listed may call nothing."""
    return f"""\
{INSTANCE}:
  allow:
    - subject: "^{WRITER}$"
    - subject: "^{READER}$"
      requests: {json.dumps(list(READING_CALLS))}
"""


def pants_environment(
    *, port: int, ca_path: str, token_path: str, writes: bool, instance: str = INSTANCE
) -> Mapping[str, str]:
    """What to set so that Pants uses the cache.  The host is a name: Pants refuses TLS to an IP."""
    return {
        "PANTS_REMOTE_CACHE_READ": "true",
        "PANTS_REMOTE_CACHE_WRITE": "true" if writes else "false",
        "PANTS_REMOTE_STORE_ADDRESS": f"grpcs://localhost:{port}",
        "PANTS_REMOTE_INSTANCE_NAME": instance,
        "PANTS_REMOTE_CA_CERTS_PATH": ca_path,
        "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH": token_path,
    }


def execution_environment(
    *, port: int, caches: str, interpreters: Sequence[str], tools: Sequence[str]
) -> Mapping[str, str]:
    """What to set on top of that so that processes run on the server's machine.

    Reading and writing stay on: Pants's executions never look for a result, its lookups do.
    There is no PATH over there, so what is looked for on it must be told.  What tests and builds
    find on theirs is for `[pex].executable_search_paths` to say; this repository says: nothing.
    """
    properties = [f"{name}={value}" for name, value in EXECUTION_PROPERTIES]
    return {
        "PANTS_REMOTE_EXECUTION": "true",
        "PANTS_REMOTE_EXECUTION_ADDRESS": f"grpcs://localhost:{port}",
        "PANTS_REMOTE_EXECUTION_EXTRA_PLATFORM_PROPERTIES": json.dumps(properties),
        "PANTS_REMOTE_EXECUTION_APPEND_ONLY_CACHES_BASE_PATH": caches,
        "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": json.dumps([*interpreters, *tools]),
        "PANTS_SHELL_SETUP_EXECUTABLE_SEARCH_PATHS": json.dumps(list(tools)),
    }
