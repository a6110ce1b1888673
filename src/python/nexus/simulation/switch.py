"""An Ethernet switch: it learns which port a sender sits on and says where a frame goes.

It only answers "to which ports?"; delay, loss and queues belong to the links; it has no sockets.
The world and the harness's QEMU engine use the same class.

Rules of this file
------------------
1. A frame never goes back out of the port it came in on.
2. Multicast, broadcast and unknown destinations are flooded; there is no IGMP snooping, so a
   guest need not join a group for its announcements to arrive.
3. The address table is bounded; the address heard longest ago makes room.
"""

from __future__ import annotations

from typing import Final

# Destination, source, type: what a frame must have to be forwarded at all.
HEADER_BYTES: Final = 14

# Ethernet II without VLAN tag and FCS: what a virtio-net guest can hand us.
FRAME_BYTES_MAX: Final = 1514

# Room for every node of a large world; an attacker inventing addresses only evicts the oldest.
ADDRESSES_MAX: Final = 256

_GROUP_BIT: Final = 0x01


class LearningSwitch:
    """A switch of `ports` ports, numbered from 0."""

    def __init__(self, ports: int) -> None:
        if ports < 1:
            raise ValueError(f"ports: {ports} is not at least 1")
        self._ports = ports
        self._port_by_address: dict[bytes, int] = {}

    @property
    def addresses(self) -> int:
        """The number of addresses in the table now."""
        return len(self._port_by_address)

    def forward(self, port: int, frame: bytes) -> tuple[int, ...]:
        """Learn the sender of a frame that came in on `port`; return the ports it goes out of."""
        assert 0 <= port < self._ports, f"port {port} of {self._ports}"
        if not HEADER_BYTES <= len(frame) <= FRAME_BYTES_MAX:
            return ()
        target, source = frame[0:6], frame[6:12]
        self._learn(source, port)
        known = None if target[0] & _GROUP_BIT else self._port_by_address.get(target)
        if known is None:
            return tuple(other for other in range(self._ports) if other != port)
        return () if known == port else (known,)

    def _learn(self, source: bytes, port: int) -> None:
        if source[0] & _GROUP_BIT:
            return  # A group address cannot be a sender: nothing to learn from a forged one.
        # Insertion order is age: re-inserting makes the address the youngest.
        self._port_by_address.pop(source, None)
        if len(self._port_by_address) == ADDRESSES_MAX:
            del self._port_by_address[next(iter(self._port_by_address))]
        self._port_by_address[source] = port
