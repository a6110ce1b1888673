"""The limits and defaults of a simulated world as numbers: docs promise them.

Other tests reach these bounds, and take them from the code or make them small.
"""

from __future__ import annotations

import pytest

from nexus.core.fields_support import left_out
from nexus.core.randomness import Ratio
from nexus.simulation import entropy, link, machine, power, schedule, switch, trace, world
from nexus.simulation.faults import drive
from nexus.simulation.faults.fault import Fault
from nexus.simulation.faults.kinds import Kind
from nexus.simulation.pace import Stretch


@pytest.mark.parametrize(
    ("what", "limit", "promised"),
    [
        ("machines of a world", world.MACHINES_MAX, 32),
        ("a tick", machine.TICK_NS, 10),
        ("the delay of a link", link.DELAY_NS_DEFAULT, 500_000),
        ("its longest delay", link.DELAY_NS_MAX, 60_000_000_000),
        ("frames that wait on a link", link.QUEUE_FRAMES_DEFAULT, 256),
        ("bytes of a frame's header", switch.HEADER_BYTES, 14),
        ("bytes of a frame", switch.FRAME_BYTES_MAX, 1514),
        ("addresses of a switch", switch.ADDRESSES_MAX, 256),
        ("lines of a trace that are kept", trace.LINES_KEPT_MAX, 65_536),
        ("deeds of a schedule", schedule.DEEDS_MAX, 4096),
        ("power cuts of a world", power.POWER_CUTS_MAX, 64),
        ("bytes of entropy read at once", entropy.READ_BYTES_MAX, 1_048_576),
        ("bytes of a sector", drive.SECTOR_BYTES, 512),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_is_what_is_promised(what: str, limit: int, promised: int) -> None:
    assert limit == promised, what


def test_what_links_and_faults_are_where_nothing_is_said() -> None:
    never = Ratio(0, 1)
    assert left_out(link.LinkOptions) == {
        "delay_ns": 500_000,
        "jitter_ns": 0,
        "loss": never,
        "duplicate": never,
        "corrupt": never,
        "queue_frames_max": 256,
    }
    assert left_out(Fault) == {"ratio": never, "amount": 0, "rule": 0}
    assert left_out(Kind) == {"amount_low": 0, "amount_high": 0}
    assert left_out(Stretch) == {"base": 1}
