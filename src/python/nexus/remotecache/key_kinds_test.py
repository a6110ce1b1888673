"""A team's keys and certificates of every kind: each will do, or is one line that says why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes as Key
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from nexus.core.exits import EXIT_CONFIG
from nexus.remotecache import serve, server
from nexus.remotecache.processes import ENDING

DAY = timedelta(days=1)
NAME = "cache.example.org"
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OLD = serialization.PrivateFormat.TraditionalOpenSSL
OPEN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"secret")

GOOD = ec.SECP256R1()


def digest_for(key: Key) -> hashes.SHA256 | None:
    """Return the algorithm by which a key signs; two kinds have a digest of their own."""
    own = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return None if own else hashes.SHA256()


def signed(key: Key, by: Key, *, is_authority: bool) -> x509.Certificate:
    """A certificate for a key."""
    now = datetime.now(UTC)
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        for text in ("authority" if is_authority else NAME, "authority")
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(by, digest_for(by))
    )


def files(
    folder: Path, key: Key, by: Key, written: Callable[[Key, x509.Certificate], bytes]
) -> list[str]:
    """The options of a team whose server has a key, signed by another."""
    leaf = signed(key, by, is_authority=False)
    contents = {
        "authority": signed(by, by, is_authority=True).public_bytes(PEM),
        "certificate": leaf.public_bytes(PEM),
        "key": written(key, leaf),
    }
    for name, content in contents.items():
        (folder / f"team.{name}").write_bytes(content)
    return [f"--{name}={folder / f'team.{name}'}" for name in contents]


def plain(key: Key, _leaf: x509.Certificate) -> bytes:
    return key.private_bytes(PEM, PKCS8, OPEN)


def encrypted(key: Key, _leaf: x509.Certificate) -> bytes:
    return key.private_bytes(PEM, PKCS8, LOCKED)


def encrypted_as_of_old(key: Key, _leaf: x509.Certificate) -> bytes:
    return key.private_bytes(PEM, OLD, LOCKED)


def der(key: Key, _leaf: x509.Certificate) -> bytes:
    return key.private_bytes(serialization.Encoding.DER, PKCS8, OPEN)


def in_pkcs12(_key: Key, leaf: x509.Certificate) -> bytes:
    known = ec.generate_private_key(GOOD)
    return pkcs12.serialize_key_and_certificates(None, known, None, [leaf], OPEN)


def empty(_key: Key, _leaf: x509.Certificate) -> bytes:
    return b""


def public(key: Key, _leaf: x509.Certificate) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def of_unknown_cipher(_key: Key, _leaf: x509.Certificate) -> bytes:
    lines = ("Proc-Type: 4,ENCRYPTED", "DEK-Info: NO-SUCH-CIPHER,00", "", "AAAA")
    body = "\n".join(lines)
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----\n".encode()


def foreign(_key: Key, _leaf: x509.Certificate) -> bytes:
    return ec.generate_private_key(GOOD).private_bytes(PEM, PKCS8, OPEN)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a server was started, which ends at once here; signals stay the test's own."""
    seen: list[bool] = []

    def running(*_rest: object) -> None:
        seen.append(True)
        raise serve.StopRequestedError

    monkeypatch.setattr(serve, "take_ending", lambda _handler: ENDING)
    monkeypatch.setattr(server, "running", running)
    return seen


def refusal(folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a server that is given these files does not start."""
    code = serve.main([f"--folder={folder / 'server'}", f"--name={NAME}", *options])
    seen = capsys.readouterr()
    assert (code, seen.out) == (EXIT_CONFIG, "")
    (line,) = seen.err.splitlines()
    return line


def rsa_of(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: rsa_of(1024), "RSA of 1024 bits"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "EC on secp521r1"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "EC on secp256k1"),
        (ed448.Ed448PrivateKey.generate, "Ed448"),
        (lambda: dsa.generate_private_key(1024), "DSA"),
    ],
)
def test_a_kind_that_not_all_clients_take_is_named(
    make: Callable[[], Key], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, odd = ec.generate_private_key(GOOD), make()
    line = refusal(tmp_path, files(tmp_path, odd, good, plain), capsys)
    assert f"team.certificate: its key is {kind}, which not all clients take; expected" in line
    line = refusal(tmp_path, files(tmp_path, good, odd, plain), capsys)
    assert f"team.authority: its key is {kind}, which not all clients take; expected" in line


def test_a_server_has_no_key_of_ed25519(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = ed25519.Ed25519PrivateKey.generate()
    line = refusal(tmp_path, files(tmp_path, odd, ec.generate_private_key(GOOD), plain), capsys)
    assert "team.certificate: its key is Ed25519, which not all clients take; expected RSA" in line


@pytest.mark.parametrize(
    ("make", "by"),
    [
        (lambda: rsa_of(2048), lambda: rsa_of(2048)),
        (lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa_of(2048)),
        (lambda: ec.generate_private_key(GOOD), ed25519.Ed25519PrivateKey.generate),
    ],
)
def test_a_kind_that_all_take_will_do(
    make: Callable[[], Key],
    by: Callable[[], Key],
    tmp_path: Path,
    started: list[bool],
) -> None:
    options = files(tmp_path, make(), by(), plain)
    assert serve.main([f"--folder={tmp_path / 'server'}", f"--name={NAME}", *options]) == 0
    assert started == [True]


@pytest.mark.parametrize(
    "written",
    [encrypted, encrypted_as_of_old, der, in_pkcs12, empty, public, of_unknown_cipher],
)
def test_a_key_that_is_written_otherwise_is_named_with_what_converts_it(
    written: Callable[[Key, x509.Certificate], bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, by = ec.generate_private_key(GOOD), ec.generate_private_key(GOOD)
    line = refusal(tmp_path, files(tmp_path, good, by, written), capsys)
    assert "team.key: is not a PEM key without password; expected RSA of 2048 to 8192" in line
    assert "`openssl pkey` converts DER and takes a password off" in line


@pytest.mark.parametrize("content", [b"", b"\x30\x82\x01", b"-----BEGIN CERTIFICATE-----\n"])
@pytest.mark.parametrize("which", ["authority", "certificate"])
def test_a_certificate_that_is_not_one_in_pem_is_named(
    which: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, by = ec.generate_private_key(GOOD), ec.generate_private_key(GOOD)
    options = files(tmp_path, good, by, plain)
    (tmp_path / f"team.{which}").write_bytes(content)
    assert f"team.{which}: holds no certificate in PEM form" in refusal(tmp_path, options, capsys)


def test_the_key_of_another_certificate_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, by = ec.generate_private_key(GOOD), ec.generate_private_key(GOOD)
    line = refusal(tmp_path, files(tmp_path, good, by, foreign), capsys)
    assert "team.key: is not the key of" in line
