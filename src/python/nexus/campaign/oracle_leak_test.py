"""The resources that services hold after quiet, and services that hold too many."""

from __future__ import annotations

import pytest

from nexus.campaign import oracle_client, oracle_leak
from nexus.campaign.observation import Line, Observation, Step
from nexus.campaign.observation_cases import observation

S = 1_000_000_000
BOOT = "workload: boot 00"


def observed(*texts: str, heal_s: int = 0, steps: tuple[Step, ...] = ()) -> Observation:
    """Return an observation in which A prints these texts, a line every second."""
    lines = tuple(Line(n * S, "A", text) for n, text in enumerate(texts))
    return observation(lines=lines, heal_ns=heal_s * S, steps=steps)


def usage(service: str, *numbers: int) -> str:
    return f"workload: usage {service} {' '.join(map(str, numbers))}"


@pytest.mark.parametrize(
    ("service", "first", "last", "words"),
    [
        ("logd", (9,), (15,), None),
        ("logd", (9,), (16,), "logd holds 16 capabilities; it held 9 at its start"),
        ("rngd", (9, 0), (9, 0), None),
        ("netstackd", (9, 2), (21, 5), None),
        ("netstackd", (9, 2), (22, 5), "22 capabilities"),
        ("dsoftbusd", (9, 0, 0, 0, 0, 0, 1), (15, 2, 3, 0, 8, 12, 2), None),
        ("dsoftbusd", (9, 0, 0, 0, 0, 0, 1), (9, 3, 0, 0, 0, 0, 2), "3 connections; its peers: 1"),
        ("dsoftbusd", (9, 0, 0, 0, 0, 0, 1), (9, 1, 0, 1, 0, 0, 2), "1 requests of its own"),
        ("dsoftbusd", (9, 0, 0, 0, 0, 0, 1), (9, 1, 0, 0, 0, 13, 2), "13 streams, in 1"),
        ("dsoftbusd", (9, 0, 0, 0, 0, 0, 1), (9, 1, 0, 0, 0, 0, 3), "3 discovered nodes"),
    ],
)
def test_what_a_service_may_hold_in_the_end(
    service: str, first: tuple[int, ...], last: tuple[int, ...], words: str | None
) -> None:
    seen = observed(BOOT, usage(service, *first), usage(service, *last))
    found = list(oracle_leak.check(seen))
    assert [violation.name for violation in found] == ([] if words is None else ["leak"])
    assert words is None or words in found[0].message


def test_sockets_that_belong_to_no_connection() -> None:
    bus = usage("dsoftbusd", 9, 1, 0, 0, 0, 0, 0)
    first = usage("netstackd", 9, 2)
    right = observed(BOOT, first, bus, usage("netstackd", 9, 4), bus)
    assert not list(oracle_leak.check(right))
    (wrong,) = oracle_leak.check(observed(BOOT, first, bus, usage("netstackd", 9, 5), bus))
    assert wrong.message == "netstackd holds 5 sockets, for 1 connections of dsoftbusd"


@pytest.mark.parametrize(
    "texts",
    [
        (BOOT, usage("logd", 40)),
        (BOOT, usage("logd", 9), BOOT, usage("logd", 40)),
        (BOOT, usage("logd", 9), "init: restart logd (1 of 3)", usage("logd", 40)),
        (BOOT, usage("logd", 9), "workload: usage logd", "workload: usage logd x"),
    ],
)
def test_there_must_be_two_reports_of_one_life(texts: tuple[str, ...]) -> None:
    assert not list(oracle_leak.check(observed(*texts)))


def test_what_is_held_before_the_network_is_well_is_no_leak() -> None:
    texts = (BOOT, usage("logd", 9), usage("logd", 40))
    assert list(oracle_leak.check(observed(*texts, heal_s=2)))
    assert not list(oracle_leak.check(observed(*texts, heal_s=3)))


HANDLES = (Step(0, "A", "at 0 ms handles, 60 tries"),)
CALL = "workload: call a.0.0 handles"
END = "workload: end"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((CALL, "workload: done a.0.0 ok", END), []),
        ((CALL, "workload: done a.0.0 unknown Io", END), ["leak"]),
        ((CALL, "workload: done a.0.0 unknown Io"), []),
        ((END,), ["leak"]),
        ((CALL, "workload: done a.0.0 unknown HandleLost", END), ["handle-lost", "leak"]),
    ],
)
def test_in_the_end_as_many_files_as_may_be_can_be_open(
    texts: tuple[str, ...], expected: list[str]
) -> None:
    found = oracle_client.check(observed("boot", *texts, steps=HANDLES))
    assert sorted(violation.name for violation in found) == expected
