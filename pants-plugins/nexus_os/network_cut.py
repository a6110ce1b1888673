"""Running a command in an empty network, where the machine lets this user have one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Tuple

from pants.core.util_rules import system_binaries
from pants.core.util_rules.system_binaries import BinaryPathRequest, BinaryPaths
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from nexus_os.first_party import NexusOs

logger = logging.getLogger(__name__)

# A user namespace, so that nobody needs to be root, and in it a network without any interface up.
ARGUMENTS = ("-rn", "--")


@dataclass(frozen=True)
class NetworkCut:
    """What to put before a command so that it runs in an empty network; may be nothing."""

    argv: Tuple[str, ...]


@rule
async def find_network_cut(nexus_os: NexusOs) -> NetworkCut:
    if not nexus_os.isolate_network:
        return NetworkCut(())
    request = BinaryPathRequest(binary_name="unshare", search_path=("/usr/bin", "/bin"))
    paths = await Get(BinaryPaths, BinaryPathRequest, request)
    if paths.first_path is None:
        return refuse("there is no `unshare` in /usr/bin or /bin")
    argv = (paths.first_path.path, *ARGUMENTS)
    # Whether it works depends on the kernel's settings and on the container, so ask every time.
    tried = await Get(
        FallibleProcessResult,
        Process(
            argv=(*argv, "/bin/sh", "-c", ":"),
            description="Try a network namespace",
            cache_scope=ProcessCacheScope.PER_SESSION,
            level=LogLevel.DEBUG,
        ),
    )
    if tried.exit_code != 0:
        return refuse(tried.stderr.decode(errors="replace").strip())
    return NetworkCut(argv)


def refuse(reason: str) -> NetworkCut:
    logger.warning(
        "NOT HERMETIC: builds and tests of guests can reach the network, although "
        f"`[nexus-os].isolate_network` asks for an empty one: {reason}"
    )
    return NetworkCut(())


def rules():
    return [*collect_rules(), *system_binaries.rules()]
