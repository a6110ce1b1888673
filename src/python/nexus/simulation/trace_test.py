"""The digest covers everything, the kept text is bounded."""

from __future__ import annotations

import hashlib

from nexus.simulation import trace as trace_module
from nexus.simulation.trace import Trace, fingerprint


def test_digest_is_that_of_the_lines() -> None:
    trace = Trace()
    trace.add(5, "A", "send", "60:abc")
    trace.add(6, "B", "stop")
    assert trace.text() == "5 A send 60:abc\n6 B stop\n"
    assert trace.digest() == hashlib.sha256(trace.text().encode()).hexdigest()


def test_old_lines_are_let_go_but_stay_in_the_digest() -> None:
    trace, other = Trace(), Trace()
    other.add(0, "B", "send")
    trace.add(0, "A", "send")
    for at in range(1, trace_module.LINES_KEPT_MAX + 1):
        trace.add(at, "A", "send")
        other.add(at, "A", "send")
    assert trace.text().startswith("# 1 older events not kept\n1 A send\n")
    assert other.text() == trace.text()
    assert trace.digest() != other.digest()


def test_fingerprint_names_length_and_content() -> None:
    assert fingerprint(b"abc") == "3:ba7816bf8f01cfea"
