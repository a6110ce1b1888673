"""The addresses at which a peer is dialled, whatever strangers announce."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.candidates import HOME_MAX, OTHERS_MAX, Candidates

HOME = ("10.42.0.11", 34567)
SPOOF = ("10.42.0.66", 34567)


def heard(*addresses: tuple[str, int], port: int | None = None) -> Candidates:
    here = Candidates(HOME[0], port, 1000)
    for number, address in enumerate(addresses):
        here.hear(*address, number)
    return here


def test_the_configured_address_is_always_there_and_first() -> None:
    assert heard(port=34567).round(5000) == [HOME]
    assert heard(SPOOF, port=34567).round(5) == [HOME, SPOOF]


def test_an_address_heard_from_the_configured_one_comes_before_any_other() -> None:
    assert heard(SPOOF, HOME).round(5) == [HOME, SPOOF]


def test_a_spoofer_at_any_rate_does_not_push_out_what_was_heard_before() -> None:
    moved = ("10.42.0.50", 7)
    here = heard(moved)
    for number in range(10_000):
        here.hear(f"10.43.{number % 250}.1", number % 60_000 + 1, number % 1000)
        here.hear(*moved, number % 1000)
    assert here.round(999)[0] == moved


def test_a_spoofer_of_the_configured_address_does_not_push_out_the_port_heard_first() -> None:
    here = heard(HOME)
    for port in range(1, 30_000):
        here.hear(HOME[0], port, 1)
    assert HOME in here.round(2)[:HOME_MAX]


def test_a_proven_address_comes_first_whatever_is_announced() -> None:
    moved = ("10.42.0.50", 7)
    here = heard(moved)
    here.prove(moved)
    for number in range(100):
        here.hear(f"10.43.0.{number}", 1, 5000)
    assert here.round(5000)[0] == moved  # Long after it was heard last.
    here.hear(*HOME, 5001)
    assert here.round(5001)[:2] == [moved, HOME]


def test_what_failed_is_tried_after_what_did_not_and_makes_room() -> None:
    others = [(f"10.43.0.{n}", 1) for n in range(OTHERS_MAX)]
    here = heard(*others)
    tried = []
    for _ in range(OTHERS_MAX):
        (address,) = here.round(9)
        tried.append(address)
        here.fail(address)
    assert sorted(tried) == sorted(others)
    here.hear(*SPOOF, 10)
    assert here.round(10) == [SPOOF]


def test_a_node_that_only_dials_has_no_address() -> None:
    assert heard((HOME[0], 0)).round(1) == []


def test_what_is_not_heard_again_is_forgotten() -> None:
    here = heard(HOME, SPOOF)
    assert here.round(999) == [HOME, SPOOF]
    assert here.round(1001) == []


@given(
    st.lists(
        st.tuples(st.sampled_from("hpf"), st.integers(9, 14), st.integers(0, 4), st.integers(0, 50))
    )
)
def test_a_round_is_short_and_begins_with_what_is_trusted(
    steps: list[tuple[str, int, int, int]],
) -> None:
    here = Candidates(HOME[0], 34567, 1000)
    proven = None
    now_ns = 0
    for what, host, port, wait in steps:
        now_ns += wait
        address = (f"10.42.0.{host}", port)
        happenings = {
            "h": partial(here.hear, *address, now_ns),
            "p": partial(here.prove, address),
            "f": partial(here.fail, address),
        }
        happenings[what]()
        proven = address if what == "p" else proven
        tried = here.round(now_ns)
        assert tried[0] == HOME
        assert len(tried) == len(set(tried)) <= 2 + HOME_MAX + 1
        assert proven is None or proven in tried
