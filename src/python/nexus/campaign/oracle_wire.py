"""Oracle: what nodes say to each other, opened with the world's keys.

No application byte before authentication; no message that is not authentic; nothing at all
for a node that is not what it claims.  A network that loses, repeats and damages frames breaks no
session by what arrives: TCP lets only whole data through, in order and once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Observation
from nexus.config.keys import derive_test_secret
from nexus.contract import audit, marker
from nexus.harness.plan import NodeIdentity
from nexus.wire.line import start_of

# Frames for peers that have proven an identity which the node knows.
_OF_A_SESSION: Final = ("stream", "data", "credit", "keepalive", "call", "answer")

# A service says so on its console, or a client that reads its node's log.
_BROKEN: Final = re.compile(
    f"outcome={audit.Outcome.DECRYPT.value}|{re.escape(start_of(marker.MUX_REJECTED))}"
)


def is_genuine(identity: NodeIdentity) -> bool:
    """Whether a machine has the key that the others of a fault world have pinned for its name."""
    return identity.static_secret == derive_test_secret(identity.device_id)


def check(observation: Observation) -> Iterator[Violation]:
    """Yield what was said to a peer that had not proven its identity."""
    identities = observation.secrets.identities
    impostors = {label for label, each in identities.items() if not is_genuine(each)}
    for event in observation.events:
        if event.kind == "sealed":
            text = f"before or outside of an authenticated session: {event.text}"
            yield Violation("unauthenticated-bytes", event.machine, event.ns, text)
        elif event.kind in _OF_A_SESSION and event.values.get("to") in impostors:
            text = f"said to {event.values['to']}, another node than named: {event.text}"
            yield Violation("impostor", event.machine, event.ns, text)
    for line in observation.lines:
        if _BROKEN.search(line.text):
            text = f"what came over a session was not what was sent: {line.text!r}"
            yield Violation("damaged-session", line.machine, line.ns, text)
