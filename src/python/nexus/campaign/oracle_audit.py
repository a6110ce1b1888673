"""Oracle: every remote mutation has a true record in the audit, and there is none of what was not.

A record says which peer changed which key, and how that ended.  What the log did not take is on the
console (docs/spec/statefs.md, *Records*), so both are read.  The log is memory: what was before its
machine's last start is in no log any more, and is not asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from nexus.campaign.judging import Violation
from nexus.campaign.observation import Line, Observation
from nexus.campaign.oracle_state import FOLDER
from nexus.campaign.workload_history import Call, History, history_of
from nexus.contract import audit, marker
from nexus.wire.line import pattern_of, start_of

_RECORD: Final = pattern_of(audit.STATE_CHANGE, ending=".+")
_OF_CONSOLE: Final = start_of(marker.PRINTED)

# A record is confirmed or printed within this of the answer (journal.zig), and a client prints
# somewhat later than it was answered.
_SETTLED_NS: Final = 1_000_000_000


Subject = tuple[str, str, str]  # Peer, verb, key's hash.


def check(observation: Observation) -> Iterator[Violation]:
    """Yield records that are missing, and those that are false."""
    history = history_of(observation)
    if not history.audited:
        return  # No machine has read the log.
    read = history.audited[-1]
    auditor = read.machine
    since_ns = max((line.ns for line in history.boots if line.machine == auditor), default=-1)
    peers = {label: each.device_id for label, each in observation.secrets.identities.items()}
    happened = (each.fault.split("/")[:2] for each in observation.happened)
    is_disturbed = ["service-kill", auditor] in happened
    # The log that was read last: a client that was started again has read all of it again.
    logged = (line for line in history.audits if line.ns > since_ns)
    # A gateway that waited for a service that was killed prints what the log has taken, too.
    printed = () if is_disturbed else observation.lines_of(auditor)
    made = _records(auditor, logged, printed)
    possible: Counter[Subject] = Counter()
    certain: dict[Subject, list[Call]] = {}
    for call in history.calls:
        subject = _subject(call, peers)
        if subject is None or call.answer in ("absent", "refused"):
            continue
        possible[subject] += 1
        is_settled = call.return_ns is not None and call.return_ns + _SETTLED_NS < read.ns
        if call.answer == "ok" and is_settled and call.call_ns > since_ns:
            certain.setdefault(subject, []).append(call)
    yield from _passed(observation, auditor, history)
    for subject, count in sorted(made.items()):
        if count > possible[subject]:
            yield _violation("false-audit", auditor, read.ns, subject, count, possible[subject])
    if is_disturbed:
        return  # A record that a service had in memory alone is lost with it.
    for subject, calls in sorted(certain.items()):
        if made[subject] < len(calls):
            last_ns = calls[-1].return_ns or read.ns
            yield _violation("missing-audit", auditor, last_ns, subject, made[subject], len(calls))


def _passed(observation: Observation, auditor: str, history: History) -> Iterator[Violation]:
    """Find calls that only the store refused: the gateway should have refused them before.

    Keys that no call of a client has, are those of what must be refused.
    """
    known = {
        sha256(f"{FOLDER}{call.arguments[0]}".encode()).hexdigest()[:16]
        for call in history.calls
        if call.what in ("put", "get", "delete")
    }
    for line in (*observation.lines_of(auditor), *history.audits):
        found = _RECORD.fullmatch(line.text.removeprefix(_OF_CONSOLE))
        is_reached = found is not None and not found[2].startswith("reject ")
        is_reached |= found is not None and found[2].startswith("reject status")
        if found is not None and found[4] not in (*known, "-") and is_reached:
            text = f"the gateway let through what it must refuse: {line.text!r}"
            yield Violation("gate-passed", auditor, line.ns, text)


def _violation(
    name: str, machine: str, ns: int, subject: Subject, records: int, calls: int
) -> Violation:
    peer, verb, key = subject
    text = f"{records} records of a {verb} of key {key} by {peer}, and {calls} such calls"
    return Violation(name, machine, ns, text)


def _subject(call: Call, peers: dict[str, str]) -> Subject | None:
    if call.what not in ("put", "delete"):
        return None
    key = f"{FOLDER}{call.arguments[0]}".encode()
    return peers.get(call.machine, "?"), call.what, sha256(key).hexdigest()[:16]


def _records(auditor: str, audits: Iterable[Line], console: Iterable[Line]) -> Counter[Subject]:
    """Records of changes that were made, from the log as it was read last and from the console."""
    printed = [
        line.text.removeprefix(_OF_CONSOLE) for line in console if line.text.startswith(_OF_CONSOLE)
    ]
    logged = [line.text for line in audits if line.machine == auditor]
    made: Counter[Subject] = Counter()
    for text in (*logged, *printed):
        found = _RECORD.fullmatch(text)
        if found is not None and found[2] in ("allow", "allow late"):
            made[found[3], found[1], found[4]] += 1
    return made
