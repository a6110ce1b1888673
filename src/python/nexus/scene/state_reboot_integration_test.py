"""A change that a peer repeats after the guest lost its power acts once.

The store keeps what it answered in its journal, in one record with the change: after a cut both
are there or neither.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from typing import Final

import pytest

from nexus.scene.packaged_support import boot
from nexus.scene.state_scene import STATE, Scene
from nexus.wire import transfer
from nexus.wire.gateway import Status as Outcome
from nexus.wire.state import Op, Reply, Request, Status

WRITER, OTHER = "host-1", "host-2"
KEY: Final = "/state/shared/repeated"
EPOCH: Final = 7 << 32
# The guest has long answered then, and a silent session is not lost yet.
MEANWHILE_NS: Final = 100_000_000


@pytest.fixture
def scene() -> Scene:
    return boot()


def ask_unheard(scene: Scene, request: Request, identity: int) -> None:
    """Ask, and read no answer."""
    writer = scene.peers[WRITER]
    writer.is_deaf = True
    writer.ask(identity, STATE, request.encode())
    scene.run_for(MEANWHILE_NS)


def put_by_another(scene: Scene, value: bytes) -> None:
    assert scene.state(OTHER, Request(Op.PUT, KEY, value)) == Reply(Op.PUT, Status.OK)


def test_a_put_is_not_made_again_over_what_another_wrote(scene: Scene) -> None:
    put = Request(Op.PUT, KEY, b"mine")
    ask_unheard(scene, put, EPOCH | 1)
    put_by_another(scene, b"other")
    scene.cut_power(is_disk_written=True)
    assert scene.state(WRITER, put, EPOCH | 1) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"other"
    # And again after another cut.
    scene.cut_power(is_disk_written=True)
    assert scene.state(WRITER, put, EPOCH | 1) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"other"


def test_a_delete_has_its_first_answer(scene: Scene) -> None:
    delete = Request(Op.DELETE, KEY, nonce=5)
    ask_unheard(scene, delete, EPOCH | 1)
    put_by_another(scene, b"new")
    scene.cut_power(is_disk_written=True)
    answer = scene.state(WRITER, delete, EPOCH | 1)
    assert answer == Reply(Op.DELETE, Status.NOT_FOUND, nonce=5)
    assert scene.value(OTHER, KEY) == b"new"


def test_a_change_that_the_cut_took_is_made_once(scene: Scene) -> None:
    put = Request(Op.PUT, KEY, b"mine")
    ask_unheard(scene, put, EPOCH | 1)
    scene.cut_power(is_disk_written=False)
    assert scene.value(OTHER, KEY) is None
    assert scene.state(WRITER, put, EPOCH | 1) == Reply(Op.PUT, Status.OK)
    put_by_another(scene, b"other")
    scene.cut_power(is_disk_written=True)
    assert scene.state(WRITER, put, EPOCH | 1) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"other"


def test_what_was_synced_is_remembered_whatever_the_disk_lost(scene: Scene) -> None:
    put = Request(Op.PUT, KEY, b"mine")
    ask_unheard(scene, put, EPOCH | 1)
    assert scene.state(OTHER, Request(Op.PUT, f"{KEY}/2", b"x")) == Reply(Op.PUT, Status.OK)
    scene.peers[WRITER].lose_session()
    scene.run_until(lambda: scene.peers[WRITER].is_ready)
    assert scene.state(WRITER, Request(Op.SYNC)) == Reply(Op.SYNC, Status.OK)
    put_by_another(scene, b"not synced")
    scene.cut_power(is_disk_written=False)
    assert scene.state(WRITER, put, EPOCH | 1) == Reply(Op.PUT, Status.OK)
    assert scene.value(OTHER, KEY) == b"mine"


def test_something_else_under_the_name_is_refused(scene: Scene) -> None:
    assert scene.state(WRITER, Request(Op.PUT, KEY, b"1"), EPOCH | 1) == Reply(Op.PUT, Status.OK)
    scene.cut_power(is_disk_written=True)
    other = Request(Op.PUT, KEY, b"2")
    assert scene.call(WRITER, STATE, other.encode(), EPOCH | 1).status is Outcome.FAILED
    assert scene.value(OTHER, KEY) == b"1"


def test_a_transfer_is_not_made_again(scene: Scene) -> None:
    value = bytes(range(256)) * 40
    done = transfer.Reply(transfer.Op.PUT, Status.OK, transfer.Stage.DONE, len(value))
    assert scene.put(WRITER, KEY, value, EPOCH | 1) == done
    put_by_another(scene, b"other")
    scene.cut_power(is_disk_written=True)
    assert scene.put(WRITER, KEY, value, EPOCH | 1) == done
    assert scene.value(OTHER, KEY) == b"other"
