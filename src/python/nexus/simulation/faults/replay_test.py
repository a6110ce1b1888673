"""A seed in a report replays: what it drew once, it draws for ever.

Every text here is what this project has printed for the seed.  Where one changes, the seeds that
people have written down name other runs from then on.
"""

from __future__ import annotations

import pytest

from nexus.core.randomness import ALWAYS, KeyedRandom, Ratio
from nexus.simulation.entropy import EntropyStream
from nexus.simulation.faults.draw import Rule, draw
from nexus.simulation.faults.kinds import KINDS
from nexus.simulation.faults.places import places_of
from nexus.simulation.link import Link, LinkOptions

MACHINES = ("A", "B", "C")
MS = 1_000_000
DRAWN = {
    "loss": [
        "loss/A>B/2 100..900 ms 5/32",
        "loss/A>C/2 100..900 ms 6/32",
        "loss/B>A/2 100..900 ms 2/32",
        "loss/C>A/2 100..900 ms 4/32",
    ],
    "duplicate": [
        "duplicate/A>C/2 100..900 ms 5/32",
        "duplicate/C>A/2 100..900 ms 2/32",
        "duplicate/C>B/2 100..900 ms 4/32",
    ],
    "corrupt": ["corrupt/A>C/2 100..900 ms 6/32", "corrupt/B>A/2 100..900 ms 2/32"],
    "reorder": [
        "reorder/A>C/2 100..900 ms 4/32 8216 us",
        "reorder/C>A/2 100..900 ms 4/32 118094 us",
    ],
    "delay": ["delay/A>C/200 129.257..148.916 ms 947257 us"],
    "one-way": ["one-way/C>A/200 804.282..836.06 ms"],
    "partition": ["partition/B+C/200 238.882..282.768 ms"],
    "link-down": ["link-down/B/200 482.363..495.299 ms"],
    "mtu": [
        "mtu/B/200 646.767..660.319 ms 80 bytes",
        "mtu/A/201 701.476..749.653 ms 277 bytes",
    ],
    "crash": ["crash/A/200 590.261..625.205 ms", "crash/A/201 126.571..146.06 ms"],
    "power-cut": ["power-cut/A/200 804.029..842.977 ms"],
    "pause": ["pause/C/200 292.461..340.526 ms", "pause/B/201 316.534..360.825 ms"],
    "stall": ["stall/C/200 679.18..711.761 ms"],
    "slow": ["slow/B/200 578.773..628.089 ms 44 parts", "slow/C/201 522.066..566.962 ms 44 parts"],
    "clock-rate": [
        "clock-rate/B/200 734.417..748.645 ms 4081 ppm",
        "clock-rate/C/201 783.004..824.889 ms 56194 ppm",
    ],
    "clock-jump": ["clock-jump/C/200 418.731..418.731 ms 34461298 us"],
    "entropy-dry": [
        "entropy-dry/B/200 172.807..216.221 ms",
        "entropy-dry/B/201 544.867..571.016 ms",
    ],
    "service-kill": ["service-kill/A/200 697.664..697.664 ms"],
    "service-slow": ["service-slow/C/200 395.298..441.342 ms 46 parts"],
    "read-error": ["read-error/A/2/2 100..900 ms 1/32"],
    "write-error": ["write-error/A/2/2 100..900 ms 5/32"],
    "disk-full": ["disk-full/B/2/200 186.688..208.709 ms"],
    "torn-write": ["torn-write/A/2/2 100..900 ms 8/32", "torn-write/B/2/2 100..900 ms 2/32"],
    "lost-write": ["lost-write/B/2/2 100..900 ms 8/32"],
    "misdirected-write": [
        "misdirected-write/A/2/2 100..900 ms 2/32",
        "misdirected-write/B/2/2 100..900 ms 1/32",
    ],
    "latent": ["latent/A/2/2 100..900 ms 4/32", "latent/B/2/2 100..900 ms 8/32"],
}


def rule(kind: str, chance: Ratio, count: int) -> Rule:
    row = KINDS[kind]
    return Rule(
        kind=kind,
        number=2,
        places=places_of(row.place, None, MACHINES, ("A/2", "B/2")),
        chance=chance,
        most=Ratio(1, 4),
        count=count,
        amount=(row.amount_low, row.amount_high),
        length_ns=(10 * MS, 50 * MS),
        begin_ns=100 * MS,
        end_ns=900 * MS,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_draws_the_faults_of_a_kind_that_it_drew_before(kind: str) -> None:
    faults = draw([rule(kind, ALWAYS, 2)], MACHINES, KeyedRandom(5))
    assert [str(fault) for fault in faults] == DRAWN[kind]
    assert {fault.rule for fault in faults} == {2}


def test_a_seed_draws_the_kinds_that_it_drew_before() -> None:
    rules = [rule(kind, Ratio(1, 2), 3) for kind in KINDS]
    assert [fault.kind for fault in draw(rules, MACHINES, KeyedRandom(5))] == [
        *("loss",) * 4,
        *("duplicate",) * 3,
        *("corrupt",) * 2,
        *("reorder",) * 2,
        "partition",
        *("link-down",) * 3,
        "mtu",
        *("crash",) * 2,
        *("stall",) * 2,
        *("service-kill",) * 3,
        "service-slow",
        *("misdirected-write",) * 2,
        *("latent",) * 2,
    ]


def test_a_seed_does_to_the_frames_of_a_link_what_it_did_before() -> None:
    options = LinkOptions(
        delay_ns=1000,
        jitter_ns=500,
        loss=Ratio(1, 8),
        duplicate=Ratio(1, 4),
        corrupt=Ratio(1, 4),
    )
    link = Link("A>B", options, KeyedRandom(9))
    frame = bytes(range(60))
    happened = [[fault.value for fault in link.offer(frame, at * 10)] for at in range(12)]
    assert {at: faults for at, faults in enumerate(happened) if faults} == {
        0: ["corrupt"],
        4: ["corrupt"],
        7: ["loss"],
        8: ["corrupt"],
        10: ["corrupt"],
        11: ["duplicate"],
    }
    arrived: list[tuple[int, int]] = []
    while (at_ns := link.next_arrival_ns()) is not None:
        taken = link.collect(at_ns)
        assert taken is not None
        damage = int.from_bytes(taken, "big") ^ int.from_bytes(frame, "big")
        arrived.append((at_ns, damage.bit_length()))
    assert arrived == [
        (1030, 0),
        (1130, 0),
        (1140, 0),
        (1180, 0),
        (1180, 0),
        (1220, 101),
        (1270, 0),
        (1270, 0),
        (1380, 245),
        (1390, 232),
        (1400, 0),
        (1400, 110),
    ]


def test_a_seed_gives_the_entropy_that_it_gave_before() -> None:
    stream = EntropyStream(KeyedRandom(1), "A")
    assert stream(12).hex() == "a98305ee0be22ae548d13fa8"
