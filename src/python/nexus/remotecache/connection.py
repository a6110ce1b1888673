"""A connection to a server elsewhere, looked at before gRPC hides what is wrong with it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid

from nexus.core.errors import UsageError
from nexus.remotecache.certificates import is_host
from nexus.remotecache.credentials import LOCAL_NAME
from nexus.remotecache.key_files import read_file
from nexus.remotecache.processes import ServerError, SettingError

# For an answer of a machine that is there.
CONNECT_SECONDS_MAX: Final = 10.0

# The characters that gRPC sends in a header.
TOKEN: Final = re.compile(r"[!-~]+")
NO_TOKEN: Final = "not a token; expected one line of visible ASCII"

ADDRESS: Final = re.compile(r"(?:grpcs://)?(\[[0-9a-fA-F:.]+\]|[^:/\[\]]+):([0-9]{1,5})")
ADDRESS_FORM: Final = "expected HOST:PORT, such as cache.example.org:8980"
PORT_MAX: Final = 65535

# A lost connection is noticed within the sum of these, also where nothing is sent.
KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)

# How settings begin to say where a server is that only its own machine can reach.
LOCAL_ADDRESS: Final = f"export PANTS_REMOTE_STORE_ADDRESS=grpcs://{LOCAL_NAME}:"

# Codes of OpenSSL's verification, and what they say of a server.
EXPIRED: Final = 10
NOT_YET: Final = 9
WRONG_NAME: Final = (62, 64)


@dataclass(frozen=True)
class Remote:
    """A server, the authority that must have signed its certificate, and our token."""

    host: str
    port: int
    authority: Path | None
    token: Path | None
    insecure: bool = False
    # A certificate and its key, for the port that asks for one.
    identity: tuple[Path, Path] | None = None

    @property
    def address(self) -> str:
        """As gRPC writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def channel(self) -> grpc.Channel:
        """A channel; it connects when it is used, and again when it was lost."""
        if self.insecure:
            return grpc.insecure_channel(self.address, options=KEEPALIVE)
        trusted = read_file(self.authority) if self.authority else None
        certificate, key = (
            (read_file(path) for path in self.identity) if self.identity else (None, None)
        )
        shown = grpc.ssl_channel_credentials(trusted, key, certificate)
        return grpc.secure_channel(self.address, shown, options=KEEPALIVE)

    def metadata(self) -> list[tuple[str, str]]:
        """Return the proof of our identity; the file is read each time: it may be replaced."""
        if self.token is None:
            return []
        return [("authorization", f"Bearer {read_token(self.token)}")]


def read_token(path: Path) -> str:
    """Read a token.

    Raises:
        SettingError: there is none.
    """
    try:
        text = read_file(path).decode("ascii").strip()
    except OSError as exc:
        raise SettingError(f"--token: {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SettingError(f"--token: {path} is {NO_TOKEN}") from exc
    if not TOKEN.fullmatch(text):
        raise SettingError(f"--token: {path} is {NO_TOKEN}")
    return text


def parse_address(option: str, text: str) -> tuple[str, int]:
    """Read `HOST:PORT`.

    Raises:
        UsageError: it is not of that form.
    """
    found = ADDRESS.fullmatch(text)
    host = found[1].strip("[]") if found else ""
    if found is None or not 0 < int(found[2]) <= PORT_MAX or not is_host(host):
        raise UsageError(f"{option}: {text!r} is not an address; {ADDRESS_FORM}")
    return host, int(found[2])


def look(remote: Remote) -> None:
    """Connect once and end: whether the server is there, and is who we think.

    Raises:
        ServerError: it is not there.
        SettingError: it is another server, or its certificate is not valid.
    """
    context = trusting(remote.authority)
    try:
        with socket.create_connection((remote.host, remote.port), CONNECT_SECONDS_MAX) as plain:
            if remote.insecure:
                return
            with context.wrap_socket(plain, server_hostname=remote.host):
                return
    except ssl.SSLCertVerificationError as exc:
        raise SettingError(
            certificate_refusal(remote, exc.verify_code, exc.verify_message)
        ) from exc
    except ssl.SSLError as exc:
        raise ServerError(f"{remote.address}: does not speak TLS ({exc.reason})") from exc
    except OSError as exc:
        raise ServerError(
            f"{remote.address}: {exc.strerror or exc}; start the server, or give the address where "
            "it listens"
        ) from exc


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Trust the certificates in a file, or those of this machine.

    Raises:
        SettingError: the file cannot be read, or holds none.
    """
    if authority is None:
        context = ssl.create_default_context()
    else:
        try:
            # Around certificates there may be other text, such as settings.
            text = read_file(authority).decode("utf-8", "replace")
            # With an empty text, this machine's authorities would be trusted.
            shown = text.encode("ascii", "replace").decode() or "\n"
            context = ssl.create_default_context(cadata=shown)
        except ssl.SSLError as exc:
            raise SettingError(missing_certificate(authority, text)) from exc
        except OSError as exc:
            raise SettingError(f"--authority: {authority}: {exc.strerror}") from exc
    context.set_alpn_protocols(["h2"])
    return context


def missing_certificate(path: Path, text: str) -> str:
    """Say what a file with a text is that holds no certificate, and which file does."""
    complaint = f"--authority: {path} holds no certificate"
    if not any(line.startswith(LOCAL_ADDRESS) for line in text.splitlines()):
        return f"{complaint}; expected one in PEM, or the settings that a server with --name wrote"
    return (
        f"{complaint}: these settings are of a server named {LOCAL_NAME}, for its machine only; "
        "start it with --listen ADDRESS --name HOST --settings FILE and give that FILE, or, on its "
        "own machine, keys/ca.crt of its folder"
    )


def certificate_refusal(remote: Remote, code: int, message: str) -> str:
    """Say what is wrong with a server's certificate, and what to do."""
    if code in WRONG_NAME:
        return (
            f"{remote.address}: its certificate is not for {remote.host!r}; use a name that the "
            "server was given with --name"
        )
    if code == EXPIRED:
        return (
            f"{remote.address}: its certificate expired; start the server again, or give a new one"
        )
    if code == NOT_YET:
        return f"{remote.address}: its certificate is not valid yet; set this machine's clock"
    given = remote.authority or "this machine's authorities"
    return (
        f"{remote.address}: its certificate is not signed by {given} ({message}); take the "
        "authority from that server's settings"
    )


def describe(error: grpc.RpcError) -> str:
    """A call's failure in one line."""
    code: Callable[[], Any] = getattr(error, "code", lambda: None)
    details: Callable[[], Any] = getattr(error, "details", lambda: "")
    name = getattr(code(), "name", "UNKNOWN")
    lines = str(details() or "").splitlines() or [""]
    return f"{name}: {lines[0]}".rstrip(": ")
