"""The burst, the refill, and no way to gain more than the burst."""

from __future__ import annotations

from nexus.dsoftbus.rate import Bucket, Limit


def test_the_burst_then_one_token_a_period() -> None:
    bucket = Bucket(Limit(3, 10), 0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(99_999_999)
    assert bucket.take(100_000_000)
    assert not bucket.take(100_000_000)


def test_an_idle_bucket_holds_no_more_than_the_burst() -> None:
    bucket = Bucket(Limit(2, 65535), 0)
    late = 1 << 63
    assert [bucket.take(late) for _ in range(3)] == [True, True, False]


def test_a_burst_of_zero_refuses_everything() -> None:
    assert not Bucket(Limit(0, 9), 0).take(1 << 40)


def test_time_that_runs_backwards_adds_nothing() -> None:
    bucket = Bucket(Limit(1, 1), 10)
    assert bucket.take(10)
    assert not bucket.take(5)
    assert not bucket.take(1_000_000_009)
    assert bucket.take(1_000_000_010)
