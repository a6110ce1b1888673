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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from nexus.core.commandline import fail
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.program import Text, run_program
from nexus.remotecache import certificates, credentials, database, manage, server, settings, worker
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.processes import (
    ServerError,
    SettingError,
    child,
    ignore_ending,
    python_argv,
    take_ending,
)
from nexus.remotecache.refusing import (
    lock,
    make_private,
    refuse_missing,
    refuse_passwords,
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

# A folder that begins with this file is a server's.
MARK: Final = "nexus-remote-cache"
MARK_TEXT: Final = "format 2\n"


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
            folder = choose_folder(arguments.folder, stack)
            lock(folder, stack)
            mark(folder)
            serve(folder, arguments)
    except StopRequestedError:
        return 0
    except ServerError as exc:
        return fail(exc, exc.exit_code)
    return 1


def choose_folder(given: Path | None, stack: contextlib.ExitStack) -> Path:
    """The folder of everything; only its owner may look into it."""
    if given is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nexus-cache-")))
    if given.is_dir() and not (given / MARK).exists() and any(given.iterdir()):
        known = (given / "keys").is_dir() and (given / "store").is_dir()
        if not known:
            raise SettingError(
                f"--folder: {given} holds something else; give an empty folder, or a new one"
            )
    return make_private(given)


def mark(folder: Path) -> None:
    """Say in a folder whose it is.

    Raises:
        SettingError: it is of a server of another version.
    """
    path = folder / MARK
    if not path.exists():
        if (folder / "keys").exists() and not (folder / "keys" / "tokens.json").exists():
            raise SettingError(
                f"--folder: {folder} is of an earlier version, whose keys know no scopes; delete "
                f"{folder / 'keys'} for new ones (blobs and results stay)"
            )
        path.write_text(MARK_TEXT, encoding="ascii")
    elif (found := path.read_text(encoding="utf-8", errors="replace")) != MARK_TEXT:
        raise SettingError(
            f"--folder: {folder} is a server's of {found.strip()[:64]!r}; this version has "
            f"{MARK_TEXT.strip()!r}: use the version that made it, or another folder"
        )


def keys(folder: Path, arguments: argparse.Namespace) -> Credentials:
    """Make keys, or take those there are; look at what others will be shown.

    Raises:
        SettingError: a certificate will not do.
    """
    lifetime = timedelta(days=arguments.days)
    place = folder / "keys"
    names = tuple(dict.fromkeys((*arguments.names, credentials.LOCAL_NAME)))
    if place.exists():
        made = Credentials(place)
        if certificates.ends_soon(made.server_certificate, names):
            credentials.sign_server(made, lifetime, names)
    else:
        made = credentials.create(place, lifetime=lifetime, names=names)
    try:
        if arguments.files is not None:
            certificates.check(arguments.files, arguments.names, datetime.now(UTC))
            return Credentials(place, arguments.files)
        certificates.check_dates(certificates.load_all(made.ca)[0], made.ca, datetime.now(UTC))
    except certificates.CertificateError as exc:
        raise SettingError(str(exc)) from exc
    return made


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
    # Without workers there is no receiver for it.
    names = NETWORK if arguments.schedule else ()
    network = {name: os.environ[name] for name in names if os.environ.get(name)}
    refuse_passwords(network)
    made = keys(folder, arguments)
    url = ""
    if arguments.schedule:
        try:
            url = database.complete_url(
                arguments.database or f"{database.SQLITE}{folder / 'jobs.sqlite'}"
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
        print_settings(running, arguments)
        while (ended := running.ended()) is None:
            if helper is not None and helper.poll() is not None:
                raise ServerError(f"the worker ended with {helper.returncode}")
            time.sleep(LOOK_SECONDS)
    raise ServerError(ended)


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
        f"--server=localhost:{running.port}",
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
