"""Keys: which users may read them, what they sign, and until when."""

from __future__ import annotations

import errno
import ssl
import stat
from argparse import Namespace
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import jwt
import pytest
from cryptography import x509

from nexus.core.errors import UsageError
from nexus.remotecache import certificates, credentials, manage, serve_options
from nexus.remotecache.access import AccessError, Grant
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


def test_a_name_longer_than_a_field_of_certificates_is_in_the_certificate(tmp_path: Path) -> None:
    name = ".".join(["a" * 60] * 3)
    made = credentials.create(tmp_path / "keys", lifetime=HOUR, names=(name,))
    assert certificates.names_of(certificates.load_all(made.server_certificate)[0]) == (name,)


def test_the_longest_name_that_is_taken_for_a_certificate_fits(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    name = "a" * credentials.CERTIFIED_NAME_CHARACTERS_MAX
    entry, _ = credentials.grant(made, name, ["read"], lifetime=HOUR)
    certificate, _ = credentials.sign_client(made, entry, HOUR)
    subject = certificates.load_all(certificate)[0].subject.rfc4514_string()
    assert subject == f"CN={name}:{entry.number}"
    options = [f"--folder={tmp_path}", f"--grant={name}a", "--scopes=read", "--with-certificate"]
    with pytest.raises(UsageError, match="too long for a certificate; expected at most 47"):
        serve_options.parse(options)


def test_the_authority_outlives_what_it_signs_later(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    credentials.sign_server(made, timedelta(days=3650), ["localhost"])
    ends = [
        certificates.load_all(path)[0].not_valid_after_utc
        for path in (made.server_certificate, made.ca)
    ]
    assert ends == sorted(ends)


def test_keys_that_were_ended_in_the_making_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(credentials, "sign_server", full)
        with pytest.raises(OSError, match="No space"):
            credentials.create(tmp_path / "keys", lifetime=HOUR)
    assert not (tmp_path / "keys").exists()
    credentials.create(tmp_path / "keys", lifetime=HOUR)


def test_a_token_that_cannot_be_written_is_not_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    before = sorted(made.folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(credentials, "write_private", full)
        with pytest.raises(OSError, match="No space"):
            credentials.grant(made, "ci", ["read"], lifetime=HOUR)
    assert sorted(made.folder.iterdir()) == before
    credentials.grant(made, "ci", ["read"], lifetime=HOUR)


def test_a_second_token_of_a_name_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    token = made.token(WRITER).read_text()
    with pytest.raises(AccessError, match="has a token already; revoke it first"):
        credentials.grant(made, WRITER, ["read"], lifetime=HOUR)
    assert made.token(WRITER).read_text() == token


def test_a_token_that_expired_is_renewed_by_the_same_command(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    credentials.grant(made, "ci", ["read"], lifetime=-HOUR)
    entry, path = credentials.grant(made, "ci", ["read"], lifetime=HOUR)
    claims = jwt.decode(path.read_text(), options={"verify_signature": False})
    assert claims["jti"] == entry.number


def test_what_root_grants_can_be_read_by_a_server_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    given: list[tuple[str, int, int]] = []

    def give(descriptor: int, user: int, group: int) -> None:
        given.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, user, group))

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", give)
    entry, _ = credentials.grant(made, "ci", ["read"], lifetime=HOUR)
    owner = made.folder.stat()
    # The lock was made, and given, with the first grant.
    names = [f"ci.token.{entry.number}", "tokens.json.new"]
    assert given == [(name, owner.st_uid, owner.st_gid) for name in names]


def test_what_root_writes_goes_through_no_link(tmp_path: Path) -> None:
    """The server's user owns the folder, and must not get another's file with root's help."""
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    other = tmp_path / "other"
    other.write_text("another user's")
    (made.folder / "tokens.json.new").symlink_to(other)
    credentials.grant(made, "ci", ["read"], lifetime=HOUR)
    assert other.read_text() == "another user's"
    assert not made.register.path.is_symlink()


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    (made.folder / "tokens.lock").unlink()
    (made.folder / "tokens.lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        credentials.grant(made, "ci", ["read"], lifetime=HOUR)


@pytest.mark.parametrize("name", credentials.OWN_NAMES)
def test_names_of_the_server_s_own_files_are_not_granted(tmp_path: Path, name: str) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    with pytest.raises(AccessError, match="is a name of the server's own files"):
        credentials.grant(made, name, ["read"], lifetime=HOUR)


@pytest.mark.parametrize("name", credentials.OWN_NAMES)
def test_revoking_a_name_leaves_the_server_s_own_files(tmp_path: Path, name: str) -> None:
    made = credentials.create(tmp_path / "keys", lifetime=HOUR)
    made.register.add(Grant(number="1", name=name, scopes=("read",), expires="2100-01-01T00:00Z"))
    given = Namespace(folder=tmp_path, grant=None, revoke=name)
    before = {path.name for path in made.folder.iterdir()}
    assert manage.manage(given) == 0
    assert {path.name for path in made.folder.iterdir()} == before


def full(*_arguments: object, **_options: object) -> NoReturn:
    """A disk that is full."""
    raise OSError(errno.ENOSPC, "No space left on device")
