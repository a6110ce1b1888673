"""Whether a certificate will do, before a client meets it: names, dates, authority, key."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from nexus.remotecache import key_kinds
from nexus.remotecache.credentials import Credentials, ServerFiles
from nexus.remotecache.key_files import read_file

# Our own certificate is signed anew if it ends within this time.
RENEWAL: Final = timedelta(days=7)


class CertificateError(Exception):
    """A certificate will not do; the text names the file, what is wrong and what would do."""


def check(files: ServerFiles, names: Sequence[str], now: datetime) -> None:
    """Look at a team's files, as a client with that authority would.

    Raises:
        CertificateError: one of them will not do.
    """
    leaf, *between = load_all(files.certificate)
    check_dates(leaf, files.certificate, now)
    check_kind(leaf, files.certificate)
    check_issuers(leaf, between, files, now)
    check_extensions(leaf, files.certificate)
    check_usage(leaf, files.certificate)
    if missing := [name for name in names if not covers(names_of(leaf), name)]:
        raise CertificateError(
            f"{files.certificate}: is not for {missing[0]!r}; it is for "
            f"{', '.join(names_of(leaf)) or 'no name'}: give --name one of these, or another "
            "certificate"
        )
    check_key(leaf, files)


def check_issuers(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], files: ServerFiles, now: datetime
) -> None:
    """Follow the signatures from a certificate, by those in its file, to one of the authority's.

    Raises:
        CertificateError: they do not lead there, or one on the way is not valid now.
    """
    authorities = load_all(files.authority)
    signed, left = leaf, list(between)
    while not (ends := [a for a in authorities if issued(signed, a)]):
        issuer = next((candidate for candidate in left if issued(signed, candidate)), None)
        if issuer is None:
            raise CertificateError(
                f"{files.certificate}: signed by {signed.issuer.rfc4514_string()!r}, which is not "
                f"in {files.authority}; give the authority that signed it"
            )
        check_dates(issuer, files.certificate, now)
        check_kind(issuer, files.certificate, is_authority=True)
        left.remove(issuer)
        signed = issuer
    # An authority may have been renewed with its key; then one valid certificate will do.
    valid = (a for a in ends if a.not_valid_before_utc <= now < a.not_valid_after_utc)
    end = next(valid, ends[0])
    check_dates(end, files.authority, now)
    check_kind(end, files.authority, is_authority=True)


def check_kind(certificate: x509.Certificate, path: Path, *, is_authority: bool = False) -> None:
    """Hold the key of a certificate to the kinds that clients and workers take.

    Raises:
        CertificateError: it is of another kind.
    """
    if reason := key_kinds.refusal(certificate, is_authority=is_authority):
        raise CertificateError(f"{path}: {reason}")


def check_extensions(certificate: x509.Certificate, path: Path) -> None:
    """Look whether what a certificate says of itself can be read.

    Raises:
        CertificateError: it cannot.
    """
    try:
        _ = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as exc:
        raise CertificateError(f"{path}: an extension cannot be read; give another one") from exc


def check_usage(leaf: x509.Certificate, path: Path) -> None:
    """Hold a certificate to its purpose.

    Raises:
        CertificateError: it is for other things than being a server.
    """
    try:
        found = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    accepted = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if not any(usage in accepted for usage in found):
        raise CertificateError(f"{path}: is not for a server (serverAuth); give one that is")


def covers(names: Iterable[str], name: str) -> bool:
    """Whether a certificate for some names is for one; `*.` stands for one label."""
    _, _, parent = name.lower().partition(".")
    accepted = (name.lower(), f"*.{parent}" if parent and not is_address(name) else "")
    return any(held.lower() in accepted for held in names)


def check_tokens(made: Credentials) -> None:
    """Look at what tokens are judged by, which people or a full disk may have changed.

    Raises:
        CertificateError: the secret that tokens are signed with will not do.
        AccessError: the register of tokens will not do.
    """
    made.register.grants()
    try:
        if not made.token_secret.read_text(encoding="ascii").strip():
            raise CertificateError(f"{made.token_secret}: is empty")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "is not text"
        raise CertificateError(f"{made.token_secret}: {reason}") from exc


def check_own(made: Credentials, now: datetime) -> None:
    """Look at the authority that this program made.

    Raises:
        CertificateError: it expired, is damaged, or has another key.
    """
    authority = load_all(made.own_ca)[0]
    check_dates(authority, made.own_ca, now)
    check_kind(authority, made.own_ca)
    check_key(authority, ServerFiles(made.own_ca, made.own_ca, made.ca_key))
    if not isinstance(authority.public_key(), ec.EllipticCurvePublicKey):
        raise CertificateError(f"{made.own_ca}: is not an authority that this program made")


def check_dates(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    """Hold a certificate to its dates.

    Raises:
        CertificateError: it is not valid now.
    """
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends:
        raise CertificateError(f"{path}: expired {ends:%Y-%m-%d %H:%M} UTC; give a valid one")
    if now < begins:
        raise CertificateError(
            f"{path}: is valid from {begins:%Y-%m-%d %H:%M} UTC on, and this machine's clock says "
            f"{now:%Y-%m-%d %H:%M}; set the clock, or give another"
        )


def check_key(leaf: x509.Certificate, files: ServerFiles) -> None:
    """Hold a key to its certificate.

    Raises:
        CertificateError: it is another's, or cannot be read without a password.
    """
    try:
        key = serialization.load_pem_private_key(read_file(files.key), None)
    except OSError as exc:
        raise CertificateError(f"{files.key}: {exc.strerror}") from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise CertificateError(
            f"{files.key}: is not a PEM key without password; expected {key_kinds.ACCEPTED}, in "
            "PEM; `openssl pkey` converts DER and takes a password off, `openssl pkcs12 -nodes` "
            "converts PKCS#12"
        ) from exc
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise CertificateError(f"{files.key}: is not the key of {files.certificate}")


def load_all(path: Path) -> list[x509.Certificate]:
    """Every certificate of a PEM file.

    Raises:
        CertificateError: there is none.
    """
    try:
        return x509.load_pem_x509_certificates(read_file(path))
    except OSError as exc:
        raise CertificateError(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise CertificateError(f"{path}: holds no certificate in PEM form") from exc


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether one was signed by the other."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)
    return (*found.get_values_for_type(x509.DNSName), *map(str, addresses))


def ends_soon(path: Path, names: Sequence[str]) -> bool:
    """Whether our own certificate must be signed anew: other names, or little time left.

    One that cannot be read, or has another key beside it, must, too.
    """
    try:
        certificate = load_all(path)[0]
        check_key(certificate, ServerFiles(path, path, path.with_suffix(".key")))
    except CertificateError:
        return True
    if set(names_of(certificate)) != set(names):
        return True
    return certificate.not_valid_after_utc - datetime.now(UTC) < RENEWAL


def parse_names(text: str) -> tuple[str, ...]:
    """Read `HOST[,HOST]`: names and addresses.

    Raises:
        CertificateError: one is neither.
    """
    names = tuple(dict.fromkeys(plain(part.strip()) for part in text.split(",")))
    for name in names:
        if not is_host(name):
            raise CertificateError(
                f"--name: {name!r} is neither a host's name nor an address; expected one like "
                "cache.example.org or 10.0.0.5"
            )
    if all(is_address(name) for name in names):
        raise CertificateError(
            f"--name: {text!r} has no host name; Pants refuses TLS to an address, so name the host"
        )
    return names


def plain(name: str) -> str:
    """A name as certificates have it: addresses in their shortest form, hosts in small letters."""
    return str(ipaddress.ip_address(name)) if is_address(name) else name.lower()


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_host(name: str) -> bool:
    """Whether it is an address, or a host's name as RFC 1123 has them."""
    if is_address(name):
        return True
    labels = name.split(".")
    return (
        0 < len(name) <= 253
        and not labels[-1].isdecimal()
        and all(
            0 < len(label) <= 63
            and label.isascii()
            and all(character.isalnum() or character == "-" for character in label)
            and not label.startswith("-")
            and not label.endswith("-")
            for label in labels
        )
    )
