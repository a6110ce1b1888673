"""A walk over all keys of a peer that begin with a prefix, page by page.

One answer has room for some ten to sixty-four keys.  A further page is asked for behind the last
key of the one before, so keys that come and go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

from typing import Final

from nexus.remotefs.state import acl
from nexus.remotefs.state.acl import LIST_MAX, REPLY_BYTES_MAX
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.replies import check_status
from nexus.wire.state import KEY_BYTES_MAX, Op, Reply, Request, Status

# A journal has at most so many records (nexus.remotefs.state.replay), so no store more keys.
KEYS_MAX: Final = 100_000

_OLD: Final = (
    "the peer has more keys than one answer has room for and cannot continue a list;"
    " ask for a longer prefix, or bring the peer up to date"
)


class Walk:
    """`request` is what to ask next, `take` reads the answer to it."""

    def __init__(self, prefix: str, keys_max: int = KEYS_MAX) -> None:
        """Begin in front of the first key.

        Args:
            prefix: What the keys begin with.
            keys_max: A peer that has more is not believed.
        """
        self._prefix = prefix
        self._keys_max = keys_max
        self._after = ""
        self._count = 0
        self._is_over = False
        self._could_be_over = False

    @property
    def request(self) -> Request | None:
        """The next request; None is that all keys are known."""
        if self._is_over:
            return None
        return Request(Op.LIST, self._prefix, limit=LIST_MAX, after=self._after)

    def take(self, reply: Reply) -> tuple[str, ...]:
        """Return the keys of a page, in order.

        Raises:
            StateError: the peer refused, cannot continue, or answers nonsense.
        """
        if self._after and reply.status is Status.MALFORMED:
            self._is_over = True
            if self._could_be_over:
                return ()  # The last page had room for one more key that peers may use.
            raise StateError(Status.UNSUPPORTED, _OLD)
        keys = check_status(reply, self._prefix).keys
        last = self._after
        for key in keys:
            if not key.startswith(self._prefix) or key <= last:
                text = f"the peer's list is not in order, or not of {self._prefix!r}: {key!r}"
                raise StateError(Status.IO_ERROR, text)
            last = key
        self._count += len(keys)
        if self._count > self._keys_max:
            raise StateError(Status.IO_ERROR, f"the peer lists more than {self._keys_max} keys")
        self._after = _behind(last)
        self._is_over = is_last_page(keys, LIST_MAX)
        self._could_be_over = is_last_page(keys, LIST_MAX, acl.KEY_BYTES_MAX)
        return keys


def is_last_page(keys: tuple[str, ...], limit: int, key_bytes: int = KEY_BYTES_MAX) -> bool:
    """Say whether an answer had room for a key more, of up to so many bytes."""
    used = len(Reply(Op.LIST, Status.OK, keys=keys, nonce=0).encode())
    return len(keys) < limit and used + 2 + key_bytes <= REPLY_BYTES_MAX


def _behind(key: str) -> str:
    """Return what a next page begins behind: a key, or what stands for a longer one.

    A node's own services may have longer keys than a frame has room for.  All that such a place
    hides is other keys too long for a peer: what begins alike and is short enough comes before.
    """
    data = key.encode()
    if len(data) <= acl.KEY_BYTES_MAX:
        return key
    return data[: acl.KEY_BYTES_MAX].decode(errors="ignore") + "\U0010ffff"
