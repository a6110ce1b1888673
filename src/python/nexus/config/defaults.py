"""What a node is when its file says nothing: tables, changed here and nowhere else.

Least privilege: a default route or grant is there because the service named first cannot do its
work without it.  Routes whose ends are not both started are left out of the compiled blob.
"""

from __future__ import annotations

from typing import Final

START: Final[tuple[str, ...]] = (
    "logd",
    "policyd",
    "samgrd",
    "rngd",
    "packagefsd",
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
    ),
    "dsoftbusd": (
        "netstackd",
        "samgrd",
        "bundlemgrd",
        "packagefsd",
        "logd",
        "policyd",
        "rngd",
    ),
    "samgrd": ("policyd", "logd"),
    "bundlemgrd": ("packagefsd", "policyd", "logd", "samgrd"),
    "packagefsd": ("samgrd",),
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
    # bundlemgrd asks policyd about whoever sent it a request.
    ("bundlemgrd", "policy.delegate"),
)

BUILD_PROP: Final = "ro.nexus.build=dev\nro.nexus.slot=a\n"

# The services a remote peer may be allowed to use: gateway id, and opcodes by name.
GATEWAY: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "samgrd": (1, {"resolve-status": 6}),
    "bundlemgrd": (2, {"list": 1}),
    "packagefsd": (3, {"stat": 1, "open": 2, "read": 3, "close": 4}),
}

MODES: Final[dict[str, int]] = {"single": 0, "client": 1, "server": 2}

# What the selftest client proves of its peer besides resolving and listing.
PROOFS: Final[dict[str, int]] = {"packages": 1, "state": 2}
