"""The front's gate: a proven name, its scopes, and a line in the audit for each refusal.

Takes the place of BuildGrid's own manager, which knows one list of names and no revocation.  What
proves a name is a token signed with the server's secret, or a client's certificate on the port
that asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import jwt
from buildgrid._protos.build.buildgrid.identity_pb2 import ClientIdentity
from buildgrid.server.auth.manager import AuthManager, set_context_client_identity

from nexus.remotecache.access import AccessError, Grant, Register
from nexus.remotecache.audit import Audit, Caller, caller
from nexus.remotecache.settings import AUDIENCE, INSTANCE

BEARER: Final = "Bearer "


class RefusedError(Exception):
    """The caller has proven no name; the text says why."""


class Gate(AuthManager):  # type: ignore[misc]  # BuildGrid has no types.
    """Decides on every call of every service."""

    def __init__(
        self,
        register: Register,
        secret: str,
        audit: Audit,
        refused: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the register, the secret of tokens, and the counter of refusals, by call."""
        self.register = register
        self.secret = secret
        self.audit = audit
        self.count = refused
        self.now = now

    def authorize(
        self, context: grpc.ServicerContext, instance_name: str, request_name: str
    ) -> bool:
        """Let a call through, and remember who made it, or say why not."""
        peer = str(context.peer())
        who = Caller("", "", peer, request_name)
        reason = ""
        try:
            grant = self.grant_of(dict(context.invocation_metadata()), dict(context.auth_context()))
            who = Caller(grant.name, grant.number, peer, request_name)
            reason = grant.refusal(request_name, self.now())
            if not reason and instance_name != INSTANCE:
                # The name is the client's: it must not become a line of its own in a file.
                reason = f"no instance {instance_name[:64]!r}"
        except (RefusedError, AccessError) as exc:
            reason = str(exc)
        if reason:
            self.audit.refused(who, reason)
            self.count(request_name)
            return False
        caller.set(who)
        set_context_client_identity(
            ClientIdentity(actor=who.name, subject=who.name, workflow=AUDIENCE)
        )
        return True

    def grant_of(
        self, metadata: Mapping[str, object], channel: Mapping[str, Sequence[bytes]]
    ) -> Grant:
        """The grant of a caller that proved a name.

        Raises:
            RefusedError: it has proven none.
            AccessError: there is no register to look into.
        """
        grants = self.register.grants()
        names = channel.get("x509_common_name") or ()
        if names:
            name, _, number = names[0].decode(errors="replace").partition(":")
            # One of ours has the number of its grant; one of a team's authority a name alone.
            held = [
                g
                for g in grants.values()
                if g.name == name and (g.number == number if number else not g.revoked)
            ]
            if not held:
                raise RefusedError(f"certificate of {name[:64]!r}, which has no grant")
            return held[-1]
        sent = str(metadata.get("authorization", ""))
        if not sent.startswith(BEARER):
            raise RefusedError("no token")
        try:
            claims = jwt.decode(
                sent[len(BEARER) :],
                self.secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                options={"require": ["exp", "jti", "sub"]},
            )
        except jwt.ExpiredSignatureError as exc:
            raise RefusedError("expired token") from exc
        except jwt.InvalidTokenError as exc:
            # The kind of the mistake, and nothing of the token.
            raise RefusedError(f"not a token of this server ({type(exc).__name__})") from exc
        grant = grants.get(str(claims["jti"]))
        if grant is None or grant.name != claims["sub"]:
            raise RefusedError("a token that the register does not list")
        return grant
