"""`./pants run ci:remote_cache`: a shared cache, until it is told to stop.

Prints what to set, as lines that a shell can read, and waits for SIGTERM, Ctrl-C or the end
of its terminal.  Without `--folder` everything lives in a temporary folder and is removed at the
end; with it, blobs, results, keys, tokens and jobs stay and serve again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from nexus.core.commandline import fail
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import Text, run_program
from nexus.remotecache import (
    certificates,
    credentials,
    database,
    folders,
    manage,
    server,
    settings,
    worker,
)
from nexus.remotecache.access import AccessError
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.processes import (
    ServerError,
    SettingError,
    child,
    ending,
    ignore_ending,
    python_argv,
    take_ending,
)
from nexus.remotecache.refusing import (
    refuse_missing,
    refuse_passwords,
    refuse_small,
    refuse_strange,
    refuse_taken,
    refuse_unwritable,
)
from nexus.remotecache.runner import print_settings
from nexus.remotecache.sandbox import refusal, tool_folders, visible_folders
from nexus.remotecache.serve_options import parse

# Between two looks at whether the servers still live.
LOOK_SECONDS: Final = 0.5

# How a machine reaches the network, by the names that `[subprocess-environment]` of Pants asks for.
NETWORK: Final = (
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


class StopRequestedError(Exception):
    """A signal asked for the end."""


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop: 0; 20 for what cannot be asked for, 21 if this machine failed."""
    if "--worker" in argv:
        return worker.main([argument for argument in argv if argument != "--worker"])
    try:
        arguments = parse(argv)
    except UsageError as exc:
        return fail(exc, EXIT_CONFIG)
    take_ending(stop)
    try:
        if arguments.grant or arguments.revoke or arguments.grants:
            return manage.manage(arguments)
        with contextlib.ExitStack() as stack:
            given = arguments.folder or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="nexus-cache-"))
            )
            serve(folders.take(given, folders.SERVER, stack), arguments)
    except StopRequestedError:
        return 0
    except ServerError as exc:
        return fail(exc, exc.exit_code)
    return 1


def keys(folder: Path, arguments: argparse.Namespace) -> Credentials:
    """Make keys, or take those there are; look at what others will be shown.

    Raises:
        SettingError: keys or a certificate will not do.
    """
    lifetime = timedelta(days=arguments.days)
    place = folder / "keys"
    names = tuple(dict.fromkeys((*arguments.names, credentials.LOCAL_NAME, own_host(arguments))))
    if not place.exists():
        credentials.create(place, lifetime=lifetime, names=names)
    made = Credentials(place)
    now = datetime.now(UTC)
    try:
        certificates.check_tokens(made)
        if arguments.files is None:
            certificates.check_own(made, now)
            if certificates.ends_soon(made.server_certificate, names):
                credentials.sign_server(made, lifetime, names)
    except (certificates.CertificateError, AccessError) as exc:
        raise SettingError(
            f"{exc}; if it cannot be mended, move {place} away for new keys, and give all users "
            "the new settings and tokens"
        ) from exc
    if arguments.files is None:
        return made
    try:
        certificates.check(arguments.files, arguments.names, now)
    except certificates.CertificateError as exc:
        raise SettingError(arguments.files.named(str(exc))) from exc
    return Credentials(place, arguments.files)


def serve(folder: Path, arguments: argparse.Namespace) -> None:
    """Run the servers until one ends or a signal comes."""
    if arguments.execute and (reason := refusal()) is not None:
        raise ServerError(f"--execute: {reason}")
    refuse_strange(arguments.listen)
    for port, option in (
        (arguments.port, "--port"),
        (arguments.certificates_port, "--certificates-port"),
        (arguments.metrics_port, "--metrics-port"),
    ):
        if port:
            refuse_taken(arguments.listen, port, option)
    refuse_unwritable(arguments.settings)
    refuse_missing(arguments.mount)
    refuse_small(folder)
    # Without workers there is no receiver for it.
    network = network_of(os.environ) if arguments.schedule else {}
    refuse_passwords(network)
    made = keys(folder, arguments)
    url = ""
    if arguments.schedule:
        try:
            url = database.complete_url(
                f"{database.SQLITE}{folder / 'jobs.sqlite'}"
                if arguments.database is None
                else arguments.database
            )
            database.prepare(url)
        except database.DatabaseError as exc:
            raise SettingError(str(exc)) from exc
    tools = tool_folders(os.environ, visible_folders(os.environ, arguments.mount))
    place = server.Place(
        address=arguments.listen,
        port=arguments.port,
        certificates_port=arguments.certificates_port,
        metrics_port=arguments.metrics_port,
        host=arguments.names[0],
        quota=arguments.quota,
        database=url,
        search_path=os.pathsep.join(tools),
        network=network,
        verbose=arguments.verbose,
        worker_seconds=arguments.worker_seconds,
    )
    with server.running(folder, made, place) as running, own_worker(running, arguments) as helper:
        try:
            print_settings(running, arguments)
        except OSError as exc:
            raise ServerError(f"{exc.filename or 'standard output'}: {exc.strerror}") from exc
        while (ended := running.ended()) is None:
            if helper is not None and helper.poll() is not None:
                raise ServerError(ending(folder, "worker", helper.returncode))
            time.sleep(LOOK_SECONDS)
    raise ServerError(ended)


def network_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings by which this server, and so a process on a worker, reaches the network.

    pip knows authorities by the first name alone, and ends with a certificate that it cannot verify
    where only another is given.  `./pants` does the same for what runs where Pants runs.
    """
    found = {name: environment[name] for name in NETWORK if environment.get(name)}
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if name in found:
            found.setdefault("REQUESTS_CA_BUNDLE", found[name])
    return found


def own_host(arguments: argparse.Namespace) -> str:
    """The name or address by which a worker beside the server reaches it.

    The server's own certificate is for it, too; a team's is for the names that were given.
    """
    if arguments.files is not None:
        return str(arguments.names[0])
    is_local = arguments.listen in ("127.0.0.1", "0.0.0.0", "::")
    return credentials.LOCAL_NAME if is_local else str(arguments.listen)


@contextlib.contextmanager
def own_worker(
    running: server.CacheServer, arguments: argparse.Namespace
) -> Iterator[subprocess.Popen[bytes] | None]:
    """A worker beside the server, if one is asked for; it joins as those elsewhere do."""
    if not arguments.execute:
        yield None
        return
    made = running.credentials
    command = [
        f"--server={settings.address_of(own_host(arguments), running.port)}",
        f"--authority={made.ca}",
        f"--token={made.token(settings.WORKER)}",
        f"--folder={running.folder / 'worker'}",
        f"--jobs={arguments.jobs}",
        *(f"--mount={folder}" for folder in arguments.mount),
    ]
    program = "from nexus.remotecache.worker import program; program()"
    with child(running.folder, "worker", python_argv(program, *command)) as process:
        yield process


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Ask for the end, once: a second signal must not interrupt the cleaning up."""
    ignore_ending()
    raise StopRequestedError


def program() -> NoReturn:
    """Be this program, with the arguments of this process."""
    run_program(main, Text.REPORT)


if __name__ == "__main__":
    program()
