"""Kinds of keys that every client and worker takes: Pants, Python, and gRPC by BoringSSL."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

RSA_BITS: Final = range(2048, 8192 + 1)
CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384"}
ACCEPTED: Final = (
    f"RSA of {RSA_BITS.start} to {RSA_BITS.stop - 1} bits, or EC on {' or '.join(CURVES.values())}"
)


def refusal(certificate: x509.Certificate, *, is_authority: bool = False) -> str:
    """Return the reason why the key of a certificate will not do; empty if it will.

    All take a certificate that was signed by Ed25519, and not all a server that has such a key.
    """
    accepted = f"{ACCEPTED}, or Ed25519" if is_authority else ACCEPTED
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"its key is of a kind that cannot be read; expected {accepted}"
    match key:
        case rsa.RSAPublicKey():
            kind, is_taken = f"RSA of {key.key_size} bits", key.key_size in RSA_BITS
        case ec.EllipticCurvePublicKey():
            kind, is_taken = f"EC on {key.curve.name}", key.curve.name in CURVES
        case ed25519.Ed25519PublicKey():
            kind, is_taken = "Ed25519", is_authority
        case _:
            kind, is_taken = type(key).__name__.removesuffix("PublicKey"), False
    return "" if is_taken else f"its key is {kind}, which not all clients take; expected {accepted}"
