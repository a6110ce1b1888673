"""The settings of the servers of a shared cache, and those with which Pants uses them.

Pure: text and tables of settings, no files, no processes.  The names and shapes are those of
BuildGrid 0.4.4's configuration file and of the options of Pants 2.17.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.errors import UsageError

INSTANCE: Final = "main"

# Both sides must name the same audience, or both none.
AUDIENCE: Final = "nexus-remote-cache"

# Whom a new server makes tokens for.
WRITER: Final = "writer"
READER: Final = "reader"
WORKER: Final = "worker"
ADMIN: Final = "admin"

# Pants asks up to 128 things at once; with fewer threads BuildGrid refuses some of them, and each
# refusal is a miss.
THREADS: Final = 300

# The runner's settings for each process.  The network is for those that install what
# a lock names; there is none without.  The user is `nobody`, and not root: root's number without
# root's rights gets no namespaces, by which a process hides network and home.
EXECUTION_PROPERTIES: Final = (("network", "on"), ("unixUID", "65534"), ("unixGID", "65534"))

# A property of a request that a worker must have, too; all others only shape the sandbox.
MATCHED_PROPERTIES: Final = ("OSFamily", "ISA", "tool", "pool")
RUNNER_PROPERTIES: Final = ("network", "unixUID", "unixGID")
SHAPING_PROPERTIES: Final = (*RUNNER_PROPERTIES, "container-image", "Arch")

# Processes at once of one worker, and how the size of a store is written.
JOBS_MAX: Final = 1024
_QUOTA: Final = re.compile(r"[1-9][0-9]{0,11}[KMGT]?")
_UNITS: Final = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}

# A compiler's wheel has 100 MB, and a blob that is larger than the store can never be written.
QUOTA_BYTES_MIN: Final = 200 * 1000**2
QUOTA_BYTES_MAX: Final = 1000 * 1000**4

# The store of a server makes room for others on its disk until so much is free, and takes nothing
# where that cannot be had.
STORE_RESERVED_BYTES: Final = 2 * 1000**3

# In a server's folder, where the store has its blobs.
BLOBS: Final = "store/cas/objects"

# A worker of which nothing is heard for so long is gone, and its processes go to others.
WORKER_SECONDS_MAX: Final = 30
# BuildGrid gives nothing to a worker that it hears of more often than every 3 s.
WORKER_SECONDS_MIN: Final = 5

# A process runs at most this long, and is given to so many workers that die of it.
EXECUTION_SECONDS_MAX: Final = 7200
# It says so much at most, to its output and its errors together: a loop that says the same for ever
# must not fill the disks of one worker after another.
EXECUTION_SAID_BYTES_MAX: Final = 256 * 1024 * 1024
JOB_ATTEMPTS_MAX: Final = 5

# As many processes wait for workers with the same properties; more are refused.
QUEUE_MAX: Final = 10_000

# A process for which no worker with its properties has been there for so long is ended: enough for
# a worker that is replaced.  It is looked for this often.
WORKERLESS_SECONDS_MAX: Final = 600
WORKERLESS_LOOK_SECONDS: Final = 30

# An execution for which no client waits for so long is ended.
ABANDONED_SECONDS_MAX: Final = 60

# Where every sandbox has the caches that processes share on their machine.
SANDBOX_CACHES: Final = "/nexus-caches"

# Jobs that ended are forgotten after a day: a later request executes anew.
JOB_DAYS_KEPT: Final = 1


def hold_quota(text: str) -> None:
    """Hold the option `--quota` to how the size of a store is written, and to useful sizes.

    Raises:
        UsageError: it is not a size, or not a useful one.
    """
    if _QUOTA.fullmatch(text) is None:
        raise UsageError(f"--quota: {text!r} is not a size; expected one like 500M or 10G")
    size = int(text.rstrip("KMGT")) * _UNITS[text.lstrip("0123456789")]
    if not QUOTA_BYTES_MIN <= size <= QUOTA_BYTES_MAX:
        raise UsageError(
            f"--quota: {text!r} is {'too small' if size < QUOTA_BYTES_MIN else 'too large'}; "
            "expected 200M to 1000T"
        )


@dataclass(frozen=True, kw_only=True)
class FrontPaths:
    """The files that the front is configured with, and the socket of the store behind it."""

    server_key: str
    server_certificate: str
    store_socket: str


@dataclass(frozen=True, kw_only=True)
class Listening:
    """The front's address, its port for tokens and, if asked, that for certificates of clients."""

    address: str
    port: int
    certificates_port: int = 0
    client_authority: str = ""


def address_of(host: str, port: int) -> str:
    """Host and port as gRPC writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def channel(address: str, paths: FrontPaths, client_authority: str = "") -> str:
    """One port of the front."""
    text = f"""\
  - !channel
    address: {json.dumps(address)}
    insecure-mode: false
    credentials:
      tls-server-key: {json.dumps(paths.server_key)}
      tls-server-cert: {json.dumps(paths.server_certificate)}
"""
    if client_authority:
        text += f"      tls-client-certs: {json.dumps(client_authority)}\n"
    return text


def front_configuration(
    listening: Listening,
    paths: FrontPaths,
    database: str = "",
    worker_seconds: int = WORKER_SECONDS_MAX,
) -> str:
    """The configuration of the front: TLS over the store and, with a database, a scheduler.

    Strings are written as JSON, which YAML reads as the same strings, whatever is in a path.
    Who may call what is decided by our gate, which takes the place of `authorization`.
    """
    store, instance = json.dumps(f"unix:{paths.store_socket}"), json.dumps(INSTANCE)
    channels = channel(address_of(listening.address, listening.port), paths)
    if listening.certificates_port:
        address = address_of(listening.address, listening.certificates_port)
        channels += channel(address, paths, listening.client_authority)
    return f"""\
server:
{channels}\
description: shared cache
authorization:
  method: none
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
{scheduler_configuration(database, worker_seconds) if database else ""}\
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
{SCHEDULED_SERVICES if database else ""}\
thread-pool-size: {THREADS}
# It would be answered without a token.
server-reflection: false
grpc-server-options:
  # Unless told, the system shares a port among all servers that ask for it: each client would meet
  # one of them by chance, and half of them the wrong certificate.
  grpc.so_reuseport: 0
"""


# How the connection is called that never writes.
LOOKING: Final = "looking"

SCHEDULED_SERVICES: Final = """\
      - !execution
        scheduler: *scheduler
        operation-stream-keepalive-timeout: 60
      - !introspection
        scheduler: *scheduler
"""


def scheduler_configuration(database: str, worker_seconds: int) -> str:
    """BuildGrid's scheduler, with its state in a database."""
    return f"""\
connections:
  - !sql-connection &database
    connection-string: {json.dumps(database)}
  # For what only looks, also in the middle of a change.
  - !sql-connection &looking
    connection-string: {json.dumps(database)}
    name: {json.dumps(LOOKING)}
schedulers:
  - !sql-scheduler &scheduler
    sql: *database
    sql-ro: *looking
    storage: *storage
    action-cache: *actions
    property-set: !dynamic-property-set
      match-property-keys: {json.dumps(list(MATCHED_PROPERTIES))}
      wildcard-property-keys: {json.dumps(list(SHAPING_PROPERTIES))}
    max-execution-timeout: {EXECUTION_SECONDS_MAX}
    bot-session-keepalive-timeout: {worker_seconds}
    session-expiry-timer-interval: 5
    bot-locality-hint-limit: 0
    max-job-attempts: {JOB_ATTEMPTS_MAX}
    max-queue-size: {QUEUE_MAX}
    queue-timeout-job-max-age:
      seconds: {WORKERLESS_SECONDS_MAX}
    queue-timeout-period:
      seconds: {WORKERLESS_LOOK_SECONDS}
    pruner-job-max-age:
      days: {JOB_DAYS_KEPT}
    assigners:
      - !priority-age-assigner
        count: 1
        interval: 0.1
        jitter-factor: 0.1
        # A process without a worker is looked at again after this time.
        failure-backoff: 1.0
        # Among several workers, the one with most room.
        bot-assignment-strategy: !assign-by-capacity
          sampling: !sampling-config
            sample-size: 16
            max-attempts: 1
"""


def pants_environment(
    *,
    port: int,
    ca_path: str,
    token_path: str,
    writes: bool,
    instance: str = INSTANCE,
    host: str = "localhost",
) -> Mapping[str, str]:
    """Return the settings by which Pants uses the cache.

    The host is a name: Pants refuses TLS to an IP.
    """
    return {
        "PANTS_REMOTE_CACHE_READ": "true",
        "PANTS_REMOTE_CACHE_WRITE": "true" if writes else "false",
        "PANTS_REMOTE_STORE_ADDRESS": f"grpcs://{host}:{port}",
        "PANTS_REMOTE_INSTANCE_NAME": instance,
        "PANTS_REMOTE_CA_CERTS_PATH": ca_path,
        "PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH": token_path,
    }


def execution_environment(
    *,
    port: int,
    caches: str,
    interpreters: Sequence[str],
    tools: Sequence[str],
    host: str = "localhost",
) -> Mapping[str, str]:
    """Return the settings, on top of those, by which processes run on the server's machine.

    Reading and writing stay on: Pants's executions never look for a result, its lookups do.
    There is no PATH over there, so programs that are looked for on it need a setting.  What tests
    and builds find on theirs is for `[pex].executable_search_paths` to say; it is empty here.
    """
    properties = [f"{name}={value}" for name, value in EXECUTION_PROPERTIES]
    return {
        "PANTS_REMOTE_EXECUTION": "true",
        "PANTS_REMOTE_EXECUTION_ADDRESS": f"grpcs://{host}:{port}",
        "PANTS_REMOTE_EXECUTION_EXTRA_PLATFORM_PROPERTIES": json.dumps(properties),
        "PANTS_REMOTE_EXECUTION_APPEND_ONLY_CACHES_BASE_PATH": caches,
        "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": json.dumps([*interpreters, *tools]),
        "PANTS_SHELL_SETUP_EXECUTABLE_SEARCH_PATHS": json.dumps(list(tools)),
    }
