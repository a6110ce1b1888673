"""The form of a secret: the bits that X25519 fixes, and no other."""

from __future__ import annotations

import pytest

from nexus.config.keys import clamp, public_key_of

MIDDLE = bytes(range(1, 31))


@pytest.mark.parametrize("octet", range(256))
def test_a_secret_keeps_every_bit_that_x25519_does_not_fix(octet: int) -> None:
    secret = bytes([octet]) + MIDDLE + bytes([octet])
    stored = clamp(secret)
    assert stored[0] == octet // 8 * 8
    assert stored[1:31] == MIDDLE
    assert stored[31] == octet % 64 + 64
    assert clamp(stored) == stored
    assert public_key_of(stored) == public_key_of(secret)
