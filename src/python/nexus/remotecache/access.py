"""The rights of callers: scopes of tokens, and the register that says which tokens are valid.

A token proves a name and a number; the register says what the number may do, until when, and
whether it was revoked.  So a token can be revoked, or its scopes changed, while servers run: they
read the register again when its file changes.  No token is in it.

Everything is refused that nothing here allows.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# Reading results and blobs.
READING_CALLS: Final = (
    "GetCapabilities",
    "GetActionResult",
    "FindMissingBlobs",
    "BatchReadBlobs",
    "Read",
    "QueryWriteStatus",
    "GetTree",
)

# Writing blobs: executing writes inputs, and a worker writes outputs.  A blob is named by
# its hash, so no client can change one that others read.
BLOB_CALLS: Final = ("BatchUpdateBlobs", "Write")

# The calls that each scope allows, by their names in the Remote Execution API and in the
# Remote Workers API.
SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "read": frozenset(READING_CALLS),
    "write": frozenset((*READING_CALLS, *BLOB_CALLS, "UpdateActionResult")),
    "execute": frozenset(
        (*READING_CALLS, *BLOB_CALLS, "Execute", "WaitExecution", "GetOperation", "CancelOperation")
    ),
    # A machine that executes for others.
    "work": frozenset((*READING_CALLS, *BLOB_CALLS, "CreateBotSession", "UpdateBotSession")),
    # Calls that concern the work of all clients.
    "admin": frozenset(
        (
            *READING_CALLS,
            "GetOperation",
            "ListOperations",
            "DeleteOperation",
            "CancelOperation",
            "ListWorkers",
            "GetOperationFilters",
        )
    ),
}

FORMAT: Final = 1
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
NAME_FORM: Final = (
    "1 to 63 characters of a-z, 0-9, '.', '_', '-', beginning with a letter or a digit"
)


class AccessError(Exception):
    """The register, or a change of it, is not as it must be; the text names subject and value."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The grant of one token, or of the certificates of one name.  Times are UTC, to the second."""

    number: str
    name: str
    scopes: tuple[str, ...]
    expires: str
    revoked: str = ""

    def holds(self, now: datetime | None) -> bool:
        """Whether it is neither revoked nor, at a moment, expired."""
        is_over = now is not None and now >= datetime.fromisoformat(self.expires)
        return not self.revoked and not is_over

    def refusal(self, call: str, now: datetime) -> str:
        """Say why a call is refused; empty if it is allowed."""
        if self.revoked:
            return f"revoked {self.revoked}"
        if now >= datetime.fromisoformat(self.expires):
            return f"expired {self.expires}"
        if not any(call in SCOPES[scope] for scope in self.scopes):
            return f"needs scope {' or '.join(scopes_for(call)) or 'that does not exist'}"
        return ""


def scopes_for(call: str) -> tuple[str, ...]:
    """The scopes that allow a call."""
    return tuple(scope for scope, calls in SCOPES.items() if call in calls)


def parse_scopes(text: str) -> tuple[str, ...]:
    """Read scopes, separated by commas.

    Raises:
        AccessError: there is none of a name.
    """
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for scope in given:
        if scope not in SCOPES:
            raise AccessError(f"{scope!r} is not a scope; expected one of {', '.join(SCOPES)}")
    return given


def parse_register(text: str, source: str) -> dict[str, Grant]:
    """Read a register: its grants by number.

    Raises:
        AccessError: it is damaged, or of another format.
    """
    try:
        document = json.loads(text)
        found = document["format"]
        if found != FORMAT:
            raise AccessError(
                f"{source}: format {found!r}; this version reads {FORMAT}: use the version that "
                "wrote it, or a new folder"
            )
        grants = [
            Grant(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in document["grants"]
        ]
        for grant in grants:
            hold_form(grant)
            if unknown := [scope for scope in grant.scopes if scope not in SCOPES]:
                raise AccessError(
                    f"{source}: {grant.name}: {unknown[0]!r} is not a scope; expected one of "
                    f"{', '.join(SCOPES)}"
                )
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise AccessError(f"{source}: is not a register of tokens: {exc}") from exc
    found_grants = {grant.number: grant for grant in grants}
    if len(found_grants) < len(grants):
        raise AccessError(f"{source}: is not a register of tokens: a number is there twice")
    return found_grants


def hold_form(grant: Grant) -> None:
    """Hold what was read to the form of a grant, since people edit registers.

    Raises:
        ValueError: it is of another; a time without a zone could mean any.
    """
    if not all(isinstance(text, str) for text in (grant.number, grant.name, grant.revoked)):
        raise ValueError("number, name and revoked must be text")
    if NAME.fullmatch(grant.name) is None:
        raise ValueError(f"{grant.name!r} is not a name; expected {NAME_FORM}")
    if datetime.fromisoformat(grant.expires).tzinfo is None:
        raise ValueError(
            f"{grant.name}: expires {grant.expires!r} has no time zone, such as +00:00"
        )


def render_register(grants: Iterable[Grant]) -> str:
    """Write a register, the oldest grant first."""
    document = {"format": FORMAT, "grants": [asdict(grant) for grant in grants]}
    return json.dumps(document, indent=2) + "\n"


class Register:
    """A register in a file, which others may change while this process reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._grants: dict[str, Grant] = {}

    def grants(self) -> dict[str, Grant]:
        """The grants as they are now.

        Raises:
            AccessError: the file is damaged or cannot be read; then no client is let in.
        """
        try:
            found = self.path.stat()
            # Every change replaces the file, so that a new one has a new inode or a new time.
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if state != self._seen:
                text = self.path.read_text(encoding="utf-8")
                self._grants = parse_register(text, str(self.path))
                self._seen = state
        except OSError as exc:
            raise AccessError(f"{self.path}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise AccessError(f"{self.path}: is not a register of tokens: {exc.reason}") from exc
        return self._grants

    def add(self, grant: Grant, now: datetime | None = None) -> None:
        """Put one grant in; its name must not have a token already, save one that expired by now.

        Raises:
            AccessError: it has one, or it is not a name.
        """
        if NAME.fullmatch(grant.name) is None:
            raise AccessError(f"{grant.name!r} is not a name; expected {NAME_FORM}")
        with self._changing() as grants:
            if any(held.name == grant.name and held.holds(now) for held in grants.values()):
                raise AccessError(
                    f"{grant.name!r} has a token already; revoke it first, or choose another name"
                )
            grants[grant.number] = grant

    def revoke(self, name: str, now: datetime) -> None:
        """Make all tokens of a name invalid.

        Raises:
            AccessError: the name has no valid token.
        """
        with self._changing() as grants:
            held = [grant for grant in grants.values() if grant.name == name and not grant.revoked]
            if not held:
                known = sorted({grant.name for grant in grants.values() if not grant.revoked})
                raise AccessError(
                    f"--revoke: {name!r} has no valid token; expected one of: "
                    f"{', '.join(known) or 'none'}"
                )
            for grant in held:
                grants[grant.number] = replace(grant, revoked=stamp(now))

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Grant]]:
        """Change the grants, one process at a time; a reader sees the old or the new file."""
        lock = open_lock(self.path.with_suffix(".lock"))
        with os.fdopen(lock, "w"):
            fcntl.flock(lock, fcntl.LOCK_EX)
            grants = dict(self.grants()) if self.path.exists() else {}
            yield grants
            write_whole(self.path, render_register(grants.values()))


def open_lock(path: Path) -> int:
    """Open a file to lock, and make it if it is not there; its descriptor."""
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    give_to_owner(made, path.parent)
    return made


def give_to_owner(descriptor: int, folder: Path) -> None:
    """Let a new file of root in a folder belong to the folder's owner.

    A server may run as a user of its own while root manages its tokens; it must read them.  The
    file must be one that this process made: that user could put a link to another's in its place.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def write_whole(path: Path, text: str) -> None:
    """Replace a private file in one step."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # A link, or left by a process that was ended in here.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    give_to_owner(descriptor, path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def stamp(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
