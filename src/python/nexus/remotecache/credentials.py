"""Keys of a shared cache: an authority, certificates, and tokens for its users.

Every file is made with mode 0600 from the start, in a folder of mode 0700.  The authority exists
for one server; its key stays with the server, which signs anew when its names change or its
certificate ends soon.  A team that has an authority gives its own files instead.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nexus.remotecache.access import (
    NAME,
    NAME_FORM,
    AccessError,
    Grant,
    Register,
    give_to_owner,
    stamp,
    write_whole,
)
from nexus.remotecache.settings import ADMIN, AUDIENCE, READER, WORKER, WRITER

# Clocks of runners differ; a certificate or token of a clock ahead of theirs must work at once.
CLOCK_DIFFERENCE: Final = timedelta(minutes=10)

# Whom a new server makes tokens for, and what they may do.
FIRST_GRANTS: Final = (
    (WRITER, ("read", "write", "execute")),
    (READER, ("read",)),
    (WORKER, ("work",)),
    (ADMIN, ("admin",)),
)

# An authority must outlive all that it signs, for every runner and worker trusts it by its file.
# Its key never leaves the server.
AUTHORITY_LIFETIME: Final = timedelta(days=20 * 365)

# A field of 64 characters (RFC 5280, appendix A.1).
COMMON_NAME_CHARACTERS_MAX: Final = 64
# A client's holds the name, a colon, and a number of 16.
CERTIFIED_NAME_CHARACTERS_MAX: Final = 47

# Clients' certificates are files of their names, beside these of the authority and the server.
OWN_NAMES: Final = ("ca", "server")

# The name that all users of the same machine can use.
LOCAL_NAME: Final = "localhost"

# The authority's key is for certificates (RFC 5280, 4.2.1.3), and for nothing else.
_USAGE_OF_AUTHORITY: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Credentials:
    """The places of all files; a team's own take the place of ours if there are any."""

    folder: Path
    given: ServerFiles | None = None

    @property
    def ca(self) -> Path:
        return self.given.authority if self.given else self.folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def own_ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.given.certificate if self.given else self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.given.key if self.given else self.folder / "server.key"

    @property
    def token_secret(self) -> Path:
        return self.folder / "tokens.secret"

    @property
    def register(self) -> Register:
        return Register(self.folder / "tokens.json")

    def token(self, subject: str) -> Path:
        return self.folder / f"{subject}.token"


@dataclass(frozen=True)
class ServerFiles:
    """A team's own authority, and the server's certificate and key."""

    authority: Path
    certificate: Path
    key: Path

    def named(self, text: str) -> str:
        """Put the option of a file before what is said of it."""
        options = {
            "--authority": self.authority,
            "--certificate": self.certificate,
            "--key": self.key,
        }
        given = (name for name, path in options.items() if text.startswith(f"{path}: "))
        option = next(given, "")
        return f"{option}: {text}" if option else text


def create(
    folder: Path, *, lifetime: timedelta, names: Sequence[str] = (LOCAL_NAME,)
) -> Credentials:
    """Make a set of keys in a new folder, whole or not at all."""
    if folder.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # A process may have ended in the middle of this.
    fresh.mkdir(mode=0o700)
    made = Credentials(fresh)
    write_private(made.token_secret, secrets.token_urlsafe(48))
    write_authority(made, lifetime)
    sign_server(made, lifetime, names)
    for subject, scopes in FIRST_GRANTS:
        grant(made, subject, scopes, lifetime=lifetime)
    fresh.rename(folder)
    return Credentials(folder)


def grant(
    made: Credentials, name: str, scopes: Sequence[str], *, lifetime: timedelta
) -> tuple[Grant, Path]:
    """Put a name into the register, and write its token.

    Raises:
        AccessError: the name is not one, is ours, or has a token that holds still.
    """
    if NAME.fullmatch(name) is None:
        raise AccessError(f"{name!r} is not a name; expected {NAME_FORM}")
    if name in OWN_NAMES:
        raise AccessError(f"{name!r} is a name of the server's own files; choose another name")
    number, expires = secrets.token_hex(8), stamp(datetime.now(UTC) + lifetime)
    entry = Grant(number=number, name=name, scopes=tuple(scopes), expires=expires)
    path = made.token(name)
    fresh = path.with_name(f"{path.name}.{entry.number}")
    try:
        # A disk that is full must not leave a name that is granted and has no token.
        write_token(made, fresh, name, lifetime=lifetime, number=entry.number)
        made.register.add(entry, datetime.now(UTC))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return entry, path


def write_token(
    made: Credentials, path: Path, subject: str, *, lifetime: timedelta, number: str | None = None
) -> None:
    """Write a token for a subject; with a negative lifetime, one that has expired."""
    now = datetime.now(UTC)
    secret = made.token_secret.read_text(encoding="ascii")
    claims = {"sub": subject, "aud": AUDIENCE, "exp": now + lifetime, "jti": number or "none"}
    write_private(path, jwt.encode(claims, secret, algorithm="HS256"))


def write_authority(made: Credentials, lifetime: timedelta) -> None:
    """An authority of its own; it outlives what it signs, unless that has ended by now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Nexus cache authority")
    own = max(lifetime, AUTHORITY_LIFETIME) if lifetime > timedelta() else lifetime
    authority = (
        _builder(name, name, key.public_key(), own + CLOCK_DIFFERENCE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_USAGE_OF_AUTHORITY, critical=True)
        .add_extension(_identifier(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(made.own_ca, _pem(authority))
    write_private(made.ca_key, _key_pem(key))


def sign_server(made: Credentials, lifetime: timedelta, names: Sequence[str]) -> None:
    """Sign a certificate for the server's names and addresses, in place of one there may be."""
    entries = [_general_name(name) for name in names]
    certificate, key = _sign(
        made,
        names[0][:COMMON_NAME_CHARACTERS_MAX],  # Clients look at the names below.
        lifetime,
        ExtendedKeyUsageOID.SERVER_AUTH,
        x509.SubjectAlternativeName(entries),
    )
    write_whole(made.folder / "server.crt", certificate)
    write_whole(made.folder / "server.key", key)


def sign_client(made: Credentials, entry: Grant, lifetime: timedelta) -> tuple[Path, Path]:
    """Sign a certificate that proves a grant to the port that asks for one.

    The grant's number is in it: a name that is granted anew does not revive what was revoked.
    A name has at most `CERTIFIED_NAME_CHARACTERS_MAX` characters.
    """
    subject = f"{entry.name}:{entry.number}"
    certificate, key = _sign(made, subject, lifetime, ExtendedKeyUsageOID.CLIENT_AUTH, None)
    paths = made.folder / f"{entry.name}.crt", made.folder / f"{entry.name}.key"
    for path, text in zip(paths, (certificate, key), strict=True):
        write_whole(path, text)
    return paths


def _sign(
    made: Credentials,
    name: str,
    lifetime: timedelta,
    usage: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName | None,
) -> tuple[str, str]:
    """A certificate and its key, as PEM."""
    authority = x509.load_pem_x509_certificate(made.own_ca.read_bytes())
    authority_key = serialization.load_pem_private_key(made.ca_key.read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey), "we made it"
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), authority.subject, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(_issuer(authority_key.public_key()), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return _pem(builder.sign(authority_key, hashes.SHA256())), _key_pem(key)


def _identifier(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _issuer(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """Name the key that signs, as RFC 5280 wants and CPython 3.13 insists on."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A lifetime that has ended is for a proof that such a certificate is refused.
        .not_valid_before(now - CLOCK_DIFFERENCE + min(lifetime, timedelta()))
        .not_valid_after(now + lifetime)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return text.decode("ascii")


def write_private(path: Path, text: str) -> None:
    """Write a new file that no other user could read at any moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    give_to_owner(descriptor, path.parent)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
