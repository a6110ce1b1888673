"""Certificates that will not do, each with the line that says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nexus.remotecache import certificates, credentials
from nexus.remotecache.access import AccessError
from nexus.remotecache.certificates import CertificateError
from nexus.remotecache.credentials import Credentials, ServerFiles

DAY = timedelta(days=1)
NAMES = ("cache.example.org", "10.0.0.5")


@pytest.fixture(name="made")
def made_keys(tmp_path: Path) -> Credentials:
    return credentials.create(tmp_path / "keys", lifetime=DAY, names=NAMES)


def files_of(made: Credentials, **other: Path) -> ServerFiles:
    found = {"authority": made.ca, "certificate": made.server_certificate, "key": made.server_key}
    return ServerFiles(**{**found, **other})


def test_a_good_certificate_will_do(made: Credentials) -> None:
    certificates.check(files_of(made), NAMES, datetime.now(UTC))


def test_one_of_another_name_is_refused_and_says_its_names(made: Credentials) -> None:
    with pytest.raises(
        CertificateError,
        match=r"is not for 'other.example.org'; it is for cache.example.org, 10.0.0.5",
    ):
        certificates.check(files_of(made), ["other.example.org"], datetime.now(UTC))


def test_one_that_expired_is_refused(made: Credentials) -> None:
    with pytest.raises(CertificateError, match="expired 20"):
        certificates.check(files_of(made), NAMES, datetime.now(UTC) + 2 * DAY)


def test_one_of_a_clock_ahead_is_refused(made: Credentials) -> None:
    with pytest.raises(CertificateError, match="this machine's clock says"):
        certificates.check(files_of(made), NAMES, datetime.now(UTC) - DAY)


def test_one_of_a_foreign_authority_is_refused(made: Credentials, tmp_path: Path) -> None:
    other = credentials.create(tmp_path / "other", lifetime=DAY)
    with pytest.raises(CertificateError, match=r"which is not in .*other/ca\.crt"):
        certificates.check(files_of(made, authority=other.ca), NAMES, datetime.now(UTC))


def test_the_key_of_another_certificate_is_refused(made: Credentials, tmp_path: Path) -> None:
    other = credentials.create(tmp_path / "other", lifetime=DAY)
    with pytest.raises(CertificateError, match="is not the key of"):
        certificates.check(files_of(made, key=other.server_key), NAMES, datetime.now(UTC))


@pytest.mark.parametrize("which", ["authority", "certificate", "key"])
def test_a_file_that_is_missing_or_no_pem_is_named(
    which: str, made: Credentials, tmp_path: Path
) -> None:
    missing, text = tmp_path / "missing", tmp_path / "text"
    text.write_text("hello")
    with pytest.raises(CertificateError, match="missing: No such file or directory"):
        certificates.check(files_of(made, **{which: missing}), NAMES, datetime.now(UTC))
    with pytest.raises(CertificateError, match=r"text: (holds no certificate|is not a PEM key)"):
        certificates.check(files_of(made, **{which: text}), NAMES, datetime.now(UTC))


def test_ours_is_signed_anew_when_names_change_or_it_ends_soon(made: Credentials) -> None:
    assert certificates.ends_soon(made.server_certificate, NAMES)
    credentials.sign_server(made, timedelta(days=30), NAMES)
    assert not certificates.ends_soon(made.server_certificate, NAMES)
    assert certificates.ends_soon(made.server_certificate, ["cache.example.org"])
    credentials.sign_server(made, timedelta(days=30), ["cache.example.org"])
    certificates.check(files_of(made), ["cache.example.org"], datetime.now(UTC))


@pytest.mark.parametrize(
    "text", ["", "a,", "-a.example", "a_b", "a..b", "1.2.3", "10.0.0.999", "x" * 64, "ä.example"]
)
def test_what_is_not_a_host_is_named(text: str) -> None:
    with pytest.raises(CertificateError, match="is neither a host's name nor an address"):
        certificates.parse_names(text)


@pytest.mark.parametrize(
    ("held", "name", "wanted"),
    [
        ("*.example.org", "cache.example.org", True),
        ("Cache.Example.ORG", "cache.example.org", True),
        ("*.example.org", "a.cache.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.0.0.5", "10.0.0.5", False),
        ("*", "cache", False),
        ("cache.example.org", "cache.example.com", False),
    ],
)
def test_a_certificate_covers_what_clients_say_it_covers(
    held: str, name: str, wanted: bool
) -> None:
    assert certificates.covers([held], name) is wanted


def bundle(path: Path, *parts: Path) -> Path:
    """One file of several certificates."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_an_authority_that_only_the_server_brings_is_foreign(
    made: Credentials, tmp_path: Path
) -> None:
    other = credentials.create(tmp_path / "other", lifetime=DAY)
    chain = bundle(tmp_path / "chain.crt", made.server_certificate, made.ca)
    files = files_of(made, authority=other.ca, certificate=chain)
    with pytest.raises(CertificateError, match=r"which is not in .*other/ca\.crt"):
        certificates.check(files, NAMES, datetime.now(UTC))
    certificates.check(files_of(made, certificate=chain), NAMES, datetime.now(UTC))


def test_authorities_that_have_nothing_to_do_with_it_may_have_expired(
    made: Credentials, tmp_path: Path
) -> None:
    old = credentials.create(tmp_path / "old", lifetime=-DAY)
    both = bundle(tmp_path / "both.crt", old.ca, made.ca)
    certificates.check(files_of(made, authority=both), NAMES, datetime.now(UTC))


def test_a_certificate_of_a_client_is_no_server_s(made: Credentials) -> None:
    entry, _ = credentials.grant(made, "robot", ["read"], lifetime=DAY)
    certificate, key = credentials.sign_client(made, entry, DAY)
    files = files_of(made, certificate=certificate, key=key)
    with pytest.raises(CertificateError, match=r"robot\.crt: is not for a server"):
        certificates.check(files, NAMES, datetime.now(UTC))


def damage(path: Path, text: str | None) -> None:
    """Take a file away, and put another in its place if there is a text."""
    path.unlink()
    if text is not None:
        path.write_bytes(text.encode("latin-1"))


@pytest.mark.parametrize("suffix", ["crt", "key"])
@pytest.mark.parametrize("text", [None, "", "hello"])
def test_a_certificate_of_ours_that_was_damaged_is_signed_anew(
    made: Credentials, suffix: str, text: str | None
) -> None:
    damage(made.folder / f"server.{suffix}", text)
    assert certificates.ends_soon(made.server_certificate, NAMES)
    credentials.sign_server(made, timedelta(days=30), NAMES)
    assert not certificates.ends_soon(made.server_certificate, NAMES)


def check_all(made: Credentials) -> None:
    certificates.check_tokens(made)
    certificates.check_own(made, datetime.now(UTC))


@pytest.mark.parametrize("name", ["tokens.json", "tokens.secret", "ca.crt", "ca.key"])
@pytest.mark.parametrize("text", [None, "", "\xff"])
def test_keys_that_were_damaged_are_named(made: Credentials, name: str, text: str | None) -> None:
    damage(made.folder / name, text)
    with pytest.raises((CertificateError, AccessError), match=name):
        check_all(made)


def test_names_are_written_as_certificates_have_them() -> None:
    names = certificates.parse_names("Cache.Example.org,2001:DB8:0::5,cache.example.org")
    assert names == ("cache.example.org", "2001:db8::5")


def test_an_address_alone_is_refused_since_pants_needs_a_name() -> None:
    with pytest.raises(CertificateError, match="has no host name"):
        certificates.parse_names("10.0.0.5,::1")
    assert certificates.parse_names("cache, 10.0.0.5,cache") == ("cache", "10.0.0.5")
