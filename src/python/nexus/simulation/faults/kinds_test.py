"""The words of a scenario: files that people have written name these kinds and amounts."""

from __future__ import annotations

from nexus.simulation.faults.kinds import KINDS, Place, Shape

AMOUNTS = {
    "reorder": ("us", 10, 200_000),
    "delay": ("us", 10, 5_000_000),
    "mtu": ("bytes", 60, 1514),
    "slow": ("parts", 2, 64),
    "service-slow": ("parts", 2, 64),
    "clock-rate": ("ppm", 1, 100_000),
    "clock-jump": ("us", 1, 60_000_000),
}
PLACES = {
    Place.PATH: {"loss", "duplicate", "corrupt", "reorder", "delay", "one-way"},
    Place.GROUP: {"partition"},
    Place.DISK: {
        "read-error",
        "write-error",
        "disk-full",
        "torn-write",
        "lost-write",
        "misdirected-write",
        "latent",
    },
}


def test_amounts_have_a_unit_and_two_ends() -> None:
    found = {
        kind.name: (kind.unit, kind.amount_low, kind.amount_high)
        for kind in KINDS.values()
        if kind.unit
    }
    assert found == AMOUNTS
    for kind in KINDS.values():
        assert kind.unit or (kind.amount_low, kind.amount_high) == (0, 0), kind.name


def test_where_a_fault_happens_and_when() -> None:
    for place, names in PLACES.items():
        assert {kind.name for kind in KINDS.values() if kind.place is place} == names
    instants = {kind.name for kind in KINDS.values() if kind.shape is Shape.INSTANT}
    assert instants == {"clock-jump", "service-kill"}
    ratios = {kind.name for kind in KINDS.values() if kind.shape is Shape.RATIO}
    assert ratios == {"loss", "duplicate", "corrupt", "reorder"} | PLACES[Place.DISK] - {
        "disk-full"
    }
