"""A worker beside its server finds it, wherever the server listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.remotecache import certificates, serve, serve_options

NAME = "--name=cache.example.org"
FILES = ("--authority=a", "--certificate=c", "--key=k")


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ([], "localhost"),
        ([NAME, "--listen=0.0.0.0"], "localhost"),
        ([NAME, "--listen=::"], "localhost"),
        ([NAME, "--listen=10.0.0.5"], "10.0.0.5"),
        ([NAME, "--listen=2001:DB8:0::5"], "2001:db8::5"),
        (["--listen=::1"], "::1"),
    ],
)
def test_the_server_s_certificate_is_for_the_worker_beside_it(
    options: list[str], host: str, tmp_path: Path
) -> None:
    arguments = serve_options.parse(options)
    assert serve.own_host(arguments) == host
    made = serve.keys(tmp_path, arguments)
    held = certificates.names_of(certificates.load_all(made.server_certificate)[0])
    assert certificates.covers(held, host)
    assert not certificates.ends_soon(made.server_certificate, held)


def test_a_team_s_certificate_is_for_the_names_that_were_given() -> None:
    arguments = serve_options.parse([NAME, "--listen=10.0.0.5", *FILES])
    assert serve.own_host(arguments) == "cache.example.org"


BUNDLE = "REQUESTS_CA_BUNDLE"


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"SSL_CERT_FILE": "/file"}, {BUNDLE: "/file"}),
        ({"SSL_CERT_DIR": "/folder"}, {BUNDLE: "/folder"}),
        ({"SSL_CERT_DIR": "/folder", "SSL_CERT_FILE": "/file"}, {BUNDLE: "/file"}),
        ({BUNDLE: "/own", "SSL_CERT_FILE": "/file"}, {}),
        ({"https_proxy": "http://proxy:3128"}, {}),
    ],
)
def test_pip_is_told_of_an_authority_that_has_another_name(
    given: dict[str, str], more: dict[str, str]
) -> None:
    empty_or_not_of_the_network = {"no_proxy": "", "HOME": "/root"}
    assert serve.network_of({**given, **empty_or_not_of_the_network}) == {**given, **more}
