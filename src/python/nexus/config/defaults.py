"""The values of a node whose file says nothing: tables, changed here and nowhere else.

Least privilege: a default route or grant is there because the service named first cannot do its
work without it.  Routes whose ends are not both started are left out of the compiled blob.
"""

from __future__ import annotations

from typing import Final

from nexus.contract import services
from nexus.contract.node import Mode, Proof
from nexus.contract.rpc import Mode as RpcMode

START: Final[tuple[str, ...]] = (
    "logd",
    "policyd",
    "samgrd",
    "rngd",
    "packagefsd",
    "statefsd",
    "bundlemgrd",
    "netstackd",
    "dsoftbusd",
    "selftest-client",
)

ROUTES: Final[dict[str, tuple[str, ...]]] = {
    "selftest-client": (
        "samgrd",
        "bundlemgrd",
        "policyd",
        "logd",
        "netstackd",
        "dsoftbusd",
        "rngd",
        "statefsd",
    ),
    "dsoftbusd": (
        "netstackd",
        "samgrd",
        "bundlemgrd",
        "packagefsd",
        "statefsd",
        "logd",
        "policyd",
        "rngd",
    ),
    "samgrd": ("policyd", "logd"),
    "bundlemgrd": ("packagefsd", "policyd", "logd", "samgrd"),
    "packagefsd": ("samgrd",),
    "statefsd": ("policyd", "samgrd"),
    "policyd": ("logd", "samgrd"),
    "netstackd": ("rngd", "logd", "samgrd"),
    "logd": ("samgrd",),
    "rngd": ("samgrd",),
}

GRANTS: Final[tuple[tuple[str, str], ...]] = (
    # It proves the bundle list, and that a held capability is allowed.
    ("selftest-client", "bundle.query"),
    # The remote bundle list is asked by dsoftbusd, under its own identity.
    ("dsoftbusd", "bundle.query"),
    # bundlemgrd asks policyd about the sender of a request.
    ("bundlemgrd", "policy.delegate"),
    # So does statefsd.
    ("statefsd", "policy.delegate"),
    # The proofs of the state store, on the node itself.
    ("selftest-client", "statefs.read"),
    ("selftest-client", "statefs.write"),
    # Peers come under its identity; what they may touch is the gateway's to say.
    ("dsoftbusd", "statefs.read"),
    ("dsoftbusd", "statefs.write"),
)

BUILD_PROP: Final = "ro.nexus.build=dev\nro.nexus.slot=a\n"

# The services a remote peer may be allowed to use: gateway id, and opcodes by name.
GATEWAY: Final[dict[str, tuple[int, dict[str, int]]]] = {
    row.name: (row.number, dict(row.operations)) for row in services.SERVICES
}

MODES: Final[dict[str, int]] = {mode.name.lower(): mode.value for mode in Mode}

# How a node calls: the schema's name of the second is that of what travels.
RPC_MODES: Final[dict[str, RpcMode]] = {
    "frames": RpcMode.FRAMES,
    "schema": RpcMode.MESSAGES,
    "auto": RpcMode.AUTO,
}

# The proofs of the selftest client besides resolving and listing.
PROOFS: Final[dict[str, int]] = {proof.name.lower(): proof.value for proof in Proof}
