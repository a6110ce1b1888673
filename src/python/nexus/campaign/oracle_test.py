"""Each rule of the oracles that look at states and records: what breaks it, what nearly does."""

from __future__ import annotations

from hashlib import sha256
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.campaign import (
    oracle_audit,
    oracle_client,
    oracle_state,
)
from nexus.campaign.observation import Line, Observation, Step
from nexus.campaign.oracle_cases import KEY, MS, PUT, S, lines, names, seen
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.store import Store
from nexus.simulation.faults.fault import Happened

HASH = sha256(KEY.encode()).hexdigest()[:16]
ALLOW = f"audit remote statefs put allow peer=node-a key={HASH}"


def disk(**entries: str) -> dict[tuple[str, int], bytes]:
    device = MemoryDevice(bytes(64 * 512))
    store = Store(device)
    for key, value in entries.items():
        store.put(oracle_state.FOLDER + key.removeprefix("k"), value.encode())
    store.sync()
    return {("B", 2): bytes(device.content)}


def test_state_that_is_there_is_good() -> None:
    good = seen(lines=lines(*PUT), disks=disk(k1="a.0.0"))
    assert names(oracle_state.check(good)) == []


def test_state_that_is_gone_is_not() -> None:
    gone = seen(lines=lines(*PUT), disks=disk())
    assert names(oracle_state.check(gone)) == ["not-linearizable"]
    # Changes that were not synced may be there, once power has failed.
    cut = Happened("power-cut/B/0/0", 0, 5 * MS)
    assert names(oracle_state.check(seen(lines=lines(*PUT), disks=disk(), happened=(cut,)))) == []
    synced = (*PUT, "workload: call a.1.0 sync", "workload: done a.1.0 ok")
    lost = seen(lines=lines(*synced), disks=disk(), happened=(cut,))
    assert names(oracle_state.check(lost)) == ["not-linearizable"]


def test_a_value_that_nobody_wrote() -> None:
    texts = ("workload: call a.0.0 get 1", "workload: done a.0.0 value b")
    found = names(oracle_state.check(seen(lines=lines(*texts), disks=disk())))
    assert found == ["unwritten-value", "not-linearizable"]


def test_a_disk_that_cannot_be_read_is_damaged_unless_it_lies() -> None:
    rubbish = {("B", 2): b"NX?!" + bytes(64 * 512 - 4)}
    assert names(oracle_state.check(seen(disks=rubbish))) == ["damaged-disk"]
    rot = Happened("latent/B/2/0/0", 0, MS)
    assert names(oracle_state.check(seen(disks=rubbish, happened=(rot,)))) == []


def audited(*records: str, texts: tuple[str, ...] = PUT, **given: Any) -> Observation:
    logged = tuple(f"B| workload: audit {n} {record}" for n, record in enumerate(records))
    late = lines(*logged, "B| workload: audited 9", start_ms=5000)
    return seen(lines=(*lines(*texts), *late), **given)


def test_a_record_for_each_change_and_no_other() -> None:
    assert names(oracle_audit.check(audited(ALLOW))) == []
    assert names(oracle_audit.check(audited())) == ["missing-audit"]
    assert names(oracle_audit.check(audited(ALLOW, ALLOW))) == ["false-audit"]
    other = ALLOW.replace("node-a", "node-c")
    assert names(oracle_audit.check(audited(other))) == ["false-audit", "missing-audit"]


def test_a_record_on_the_console_is_one_too() -> None:
    assert names(oracle_audit.check(audited(texts=(*PUT, f"B| dsoftbusd: {ALLOW}")))) == []


def test_what_was_before_the_log_began_is_not_asked_for() -> None:
    texts = (*PUT, "B| workload: boot 00")
    assert names(oracle_audit.check(audited(texts=texts))) == []
    killed = Happened("service-kill/B/0/0", 0, 2 * MS)
    assert names(oracle_audit.check(audited(happened=(killed,)))) == []


def test_a_change_that_found_nothing_has_no_record_that_it_was_made() -> None:
    texts = ("workload: call a.0.0 delete 1", "workload: done a.0.0 absent")
    made = ALLOW.replace("put", "delete")
    assert names(oracle_audit.check(audited(made, texts=texts))) == ["false-audit"]
    refused = made.replace("allow", "reject status")
    assert names(oracle_audit.check(audited(refused, texts=texts))) == []


def test_what_the_gateway_should_have_refused() -> None:
    passed = "audit remote statefs put reject status peer=node-a key=0123456789abcdef"
    assert names(oracle_audit.check(audited(ALLOW, passed))) == ["gate-passed"]
    refused = passed.replace("status", "outside_acl")
    assert names(oracle_audit.check(audited(ALLOW, refused))) == []


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 ok"), ["unauthorised"]),
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 refused no"), []),
        (("workload: call a.0.0 abuse list", "workload: done a.0.0 unknown Failed"), []),
        (("workload: call a.0.0 sync", "workload: done a.0.0 refused access_denied"), ["refused"]),
        (("workload: done a.0.0 ok",), ["stray-answer"]),
        (("workload: call a.0.0 package", "workload: done a.0.0 unknown HandleLives"), ["leak"]),
    ],
)
def test_what_a_client_sees(texts: tuple[str, ...], expected: list[str]) -> None:
    assert names(oracle_client.check(seen(lines=lines(*texts)))) == expected


def test_a_store_whose_disk_has_lied_may_refuse() -> None:
    texts = ("workload: call a.0.0 sync", "workload: done a.0.0 refused integrity_violation")
    rot = Happened("latent/B/2/0/0", 0, MS)
    assert names(oracle_client.check(seen(lines=lines(*texts), happened=(rot,)))) == []


def test_a_client_is_alive_within_the_bound() -> None:
    steps = (Step(0, "A", "at 1000 ms alive key 0, 60 tries"),)
    late_ns = S + oracle_client.ALIVE_NS
    boot = lines("workload: boot aa")

    def check(end_ns: int, *more: Line) -> list[str]:
        made = seen(lines=(*boot, *more), steps=steps, heal_ns=S, end_ns=end_ns)
        return names(oracle_client.check(made))

    assert check(late_ns + 1) == ["not-alive"]
    assert check(late_ns) == []  # It ended before there was anything to say.
    assert check(late_ns + 1, Line(late_ns, "A", "workload: alive aa")) == []
    assert check(late_ns + 2, Line(late_ns + 1, "A", "workload: alive aa")) == ["not-alive"]
    # A machine that started again does its steps again, by a clock that began then.
    assert check(late_ns + 1, Line(S, "A", "workload: boot bb")) == []
