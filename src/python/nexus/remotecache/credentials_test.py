"""Keys: which users may read them, what they sign, and until when."""

from __future__ import annotations

import ssl
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509

from nexus.remotecache import credentials
from nexus.remotecache.settings import AUDIENCE, READER, WRITER

HOUR = timedelta(hours=1)


def test_nobody_else_can_read_a_key(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()} == {0o600}


def test_keys_are_never_written_over(tmp_path: Path) -> None:
    credentials.create(tmp_path / "keys", lifetime=HOUR)
    with pytest.raises(FileExistsError):
        credentials.create(tmp_path / "keys", lifetime=HOUR)


def test_the_certificate_is_of_localhost_and_signed_by_the_authority(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    authority = x509.load_pem_x509_certificate(made.ca.read_bytes())
    server = x509.load_pem_x509_certificate(made.server_certificate.read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_client_that_insists_on_all_rules_takes_the_certificate(tmp_path: Path) -> None:
    """CPython 3.13 and later do, without being asked to."""
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made.server_certificate, made.folder / "server.key")
    asking = ssl.create_default_context(cafile=str(made.ca))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = asking.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(3):
        for end in (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("subject", [WRITER, READER])
def test_a_token_names_its_subject_and_ends(subject: str, tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    secret = made.token_secret.read_text(encoding="ascii")
    token = made.token(subject).read_text(encoding="ascii")
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience=AUDIENCE)
    assert claims["sub"] == subject
    expired = tmp_path / "expired"
    credentials.write_token(made, expired, subject, lifetime=-HOUR)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(
            expired.read_text(encoding="ascii"), secret, algorithms=["HS256"], audience=AUDIENCE
        )
