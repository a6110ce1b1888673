"""Items of one room displace none of another room, and all items stay in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.rooms import Room, Rooms

SIZES = {Room.PEERS: 3, Room.CHANGES: 2, Room.STRANGERS: 1}


def test_a_flood_in_one_room_displaces_nothing_of_another() -> None:
    rooms = Rooms[str](SIZES)
    rooms.append("put", Room.CHANGES)
    rooms.append("read")
    for number in range(1000):
        rooms.append(f"stranger {number}", Room.STRANGERS)
    assert list(rooms) == ["put", "read", "stranger 999"]
    assert (rooms.lost[Room.STRANGERS], rooms.lost[Room.CHANGES]) == (999, 0)
    assert (rooms.total, len(rooms), rooms.capacity) == (1002, 3, 6)


def test_a_room_that_is_not_named_is_part_of_the_first() -> None:
    rooms = Rooms[int]({Room.PEERS: 1})
    rooms.append(1, Room.STRANGERS)
    rooms.append(2, Room.CHANGES)
    assert list(rooms) == [2]


@given(st.lists(st.sampled_from(list(Room)), max_size=40))
def test_the_order_is_that_of_coming(rooms_of: list[Room]) -> None:
    rooms = Rooms[int](SIZES)
    for number, room in enumerate(rooms_of):
        rooms.append(number, room)
    kept = list(rooms)
    assert kept == sorted(kept)
    assert len(kept) + sum(rooms.lost.values()) == len(rooms_of) == rooms.total
