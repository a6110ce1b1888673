"""Keys of a shared cache: an authority, the server's certificate, and tokens for its users.

Every file is made with mode 0600 from the start, in a folder of mode 0700.  Nothing here is a
long-lived secret of an organisation: the authority exists for one server and signs one certificate.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nexus.remotecache.settings import AUDIENCE, READER, WRITER

# Clocks of runners differ; a certificate or token of a clock ahead of theirs must work at once.
CLOCK_DIFFERENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Credentials:
    """Where everything is."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    @property
    def token_secret(self) -> Path:
        return self.folder / "tokens.secret"

    def token(self, subject: str) -> Path:
        return self.folder / f"{subject}.token"


def create(folder: Path, *, lifetime: timedelta) -> Credentials:
    """Make a set of keys in a new folder."""
    folder.mkdir(mode=0o700)
    made = Credentials(folder)
    write_private(made.token_secret, secrets.token_urlsafe(48))
    write_authority(made, lifetime)
    for subject in (WRITER, READER):
        write_token(made, made.token(subject), subject, lifetime=lifetime)
    return made


def write_token(made: Credentials, path: Path, subject: str, *, lifetime: timedelta) -> None:
    """Write a token for a subject; with a negative lifetime, one that has expired."""
    now = datetime.now(UTC)
    secret = made.token_secret.read_text(encoding="ascii")
    claims = {"sub": subject, "aud": AUDIENCE, "exp": now + lifetime}
    write_private(path, jwt.encode(claims, secret, algorithm="HS256"))


def write_authority(made: Credentials, lifetime: timedelta) -> None:
    """An authority of its own and, signed by it, the certificate of `localhost`.

    The authority's key is not kept: it has signed all it will ever sign.
    """
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nexus cache authority")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def builder(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_DIFFERENCE)
            .not_valid_after(now + lifetime)
        )

    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        builder(server_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_private(made.ca, authority.public_bytes(pem).decode("ascii"))
    write_private(made.server_certificate, server.public_bytes(pem).decode("ascii"))
    key = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(made.server_key, key.decode("ascii"))


def write_private(path: Path, text: str) -> None:
    """Write a new file that nobody else could read at any moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
