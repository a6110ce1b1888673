"""The values that are timeouts."""

from __future__ import annotations

import math

import pytest

from nexus.core.duration import TimeoutValueError, check_timeout_s


@pytest.mark.parametrize("value", [0.001, 1, 5.0, 3600])
def test_a_timeout_is_seconds(value: float) -> None:
    assert check_timeout_s(value) == float(value)


@pytest.mark.parametrize(
    "value", [0, -1, -0.0, 3600.1, math.inf, -math.inf, math.nan, None, True, "5", 10**400]
)
def test_what_is_not_a_timeout_is_named(value: object) -> None:
    with pytest.raises(TimeoutValueError, match=r"wait: .*above 0 and up to 3600") as caught:
        check_timeout_s(value, "wait")
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
