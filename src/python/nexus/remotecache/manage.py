"""Tokens of a server that may be running: made, revoked, listed.  It notices at the next call."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nexus.remotecache import credentials
from nexus.remotecache.access import AccessError
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.processes import SettingError


def manage(given: argparse.Namespace) -> int:
    """Do what was asked.

    Raises:
        SettingError: it cannot be done.
    """
    made = Credentials(keys_of(given.folder))
    try:
        if given.grant is not None:
            lifetime = timedelta(days=given.days)
            entry, path = credentials.grant(made, given.grant, given.scopes, lifetime=lifetime)
            print(f"{entry.name}: {','.join(entry.scopes)} until {entry.expires}, token in {path}")
            if given.with_certificate:
                certificate, key = credentials.sign_client(made, entry, lifetime)
                print(f"{entry.name}: certificate in {certificate}, key in {key}")
        elif given.revoke is not None:
            made.register.revoke(given.revoke, datetime.now(UTC))
            # A register of an earlier version may have one of our own names.
            is_own = given.revoke in credentials.OWN_NAMES
            for suffix in ("token",) if is_own else ("token", "crt", "key"):
                (made.folder / f"{given.revoke}.{suffix}").unlink(missing_ok=True)
            print(f"{given.revoke}: revoked")
        else:
            print_grants(made)
    except AccessError as exc:
        raise SettingError(str(exc)) from exc
    return 0


def keys_of(folder: Path) -> Path:
    """The keys of a server's folder.

    Raises:
        SettingError: it is not one.
    """
    try:
        keys = folder.resolve() / "keys"
        is_there = (keys / "tokens.json").is_file()
    except (OSError, RuntimeError) as exc:  # The latter is a loop of links.
        reason = exc.strerror if isinstance(exc, OSError) else "a loop of links"
        raise SettingError(
            f"--folder: {folder}: {reason}; ask as the user of the server, or as root"
        ) from exc
    if not is_there:
        raise SettingError(
            f"--folder: {folder} has no keys of a server; start a server with this folder first"
        )
    return keys


def print_grants(made: Credentials) -> None:
    """One line for each grant; no token is shown."""
    now = datetime.now(UTC)
    for grant in made.register.grants().values():
        if grant.revoked:
            state = f"revoked {grant.revoked}"
        elif now >= datetime.fromisoformat(grant.expires):
            state = f"expired {grant.expires}"
        else:
            state = f"until {grant.expires}"
        print(f"{grant.name:24} {','.join(grant.scopes):24} {grant.number}  {state}")
