"""A host of the virtual switch written in Python: one UDP socket, one TCP connection.

It is a `nexus.simulation.machine.Machine` whose program runs in no time.  The wire must not lose
frames: nothing is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from nexus.remotefs.package.virtual import frames
from nexus.remotefs.package.virtual.frames import ACK, FIN, MSS, PSH, RST, SYN, Datagram, Segment

_MASK: Final = 0xFFFFFFFF
LOCAL_PORT: Final = 40_000
_FIRST_NUMBER: Final = 1_000
_WINDOW: Final = 65_535


class Ran(Enum):
    """How a run ended: always at its deadline."""

    DEADLINE = "deadline"


class Host:
    """Ethernet, IPv4, UDP, and TCP as far as a dialler needs it."""

    exit_code: int | None = None
    instructions = 0

    def __init__(self, mac: bytes, ip: bytes, timer_ns: int, on_timer: Callable[[], None]) -> None:
        """Wait for frames, and call `on_timer` every `timer_ns`."""
        self.now_ns = 0
        self.datagrams: list[Datagram] = []
        self.received = bytearray()
        self.is_connected = False
        self.is_closed = False
        self._mac = mac
        self._ip = ip
        self._timer_ns = timer_ns
        self._on_timer = on_timer
        self._timer_at = 0
        self._frames: list[tuple[int, bytes]] = []
        self._macs: dict[bytes, bytes] = {}
        self._waiting: list[tuple[bytes, bytes]] = []
        self._peer: tuple[bytes, int] | None = None
        self._unsent = bytearray()
        self._next = _FIRST_NUMBER
        self._acknowledged = _FIRST_NUMBER
        self._window = 0
        self._expected = 0
        self._owes_answer = False

    # Machine.

    def run(self, until_ns: int) -> Enum:
        """Send what this instant brought, then advance, firing the timer on the way."""
        self._flush()
        while self._timer_at <= until_ns:
            self.now_ns = max(self.now_ns, self._timer_at)
            self._timer_at += self._timer_ns
            self._on_timer()
            self._flush()
        self.now_ns = until_ns
        return Ran.DEADLINE

    def next_event_ns(self) -> int | None:
        """Now if something waits to be sent, else the timer."""
        is_waiting = self._frames or self._owes_answer or self._can_push
        return self.now_ns if is_waiting else self._timer_at

    def take_console(self) -> bytes:
        """Nothing is printed."""
        return b""

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call."""
        sent, self._frames = self._frames, []
        return sent

    def deliver(self, frame: bytes) -> bool:
        """Take a frame."""
        kind, payload = int.from_bytes(frame[12:14], "big"), frame[14:]
        if kind == frames.TYPE_ARP:
            self._take_arp(frames.read_arp(payload))
        elif kind == frames.TYPE_IPV4:
            source, target, protocol, data = frames.read_ipv4(payload)
            if protocol == frames.PROTOCOL_UDP:
                self.datagrams.append(frames.read_udp(source, data))
            elif protocol == frames.PROTOCOL_TCP and target == self._ip:
                self._take_segment(frames.read_tcp(source, target, data))
        return True

    # The program's side.

    def send_datagram(self, ip: bytes, port: int, payload: bytes) -> None:
        """Send a UDP datagram from the same port."""
        data = frames.udp(self._ip, ip, port, port, payload)
        self._send_ip(ip, frames.ipv4(self._ip, ip, frames.PROTOCOL_UDP, data))

    def dial(self, ip: bytes, port: int) -> None:
        """Begin a connection."""
        self._peer = (ip, port)
        self._send_segment(SYN, b"")
        self._next += 1

    def send(self, data: bytes) -> None:
        """Send on the connection; what is said in one instant shares segments."""
        self._unsent += data

    def _take_arp(self, packet: frames.Arp) -> None:
        self._macs[packet.sender_ip] = packet.sender_mac
        if packet.operation == frames.ARP_REQUEST and packet.target_ip == self._ip:
            mac, ip = packet.sender_mac, packet.sender_ip
            reply = frames.arp(frames.ARP_REPLY, self._mac, self._ip, mac, ip)
            self._send_frame(mac, frames.TYPE_ARP, reply)
        waiting, self._waiting = self._waiting, []
        for ip, waited in waiting:
            self._send_ip(ip, waited)

    def _take_segment(self, segment: Segment) -> None:
        if self._peer is None or segment.target_port != LOCAL_PORT:
            return
        if segment.flags & RST:
            self.is_closed = True
            return
        if segment.flags & SYN:
            self._expected = (segment.number + 1) & _MASK
            self.is_connected = True
        if segment.flags & ACK:
            self._acknowledged = segment.acknowledged
            self._window = segment.window
        takes = segment.number == self._expected and bool(segment.payload)
        if takes:
            self.received += segment.payload
            self._expected = (self._expected + len(segment.payload)) & _MASK
        if segment.flags & FIN and not segment.flags & SYN:
            self._expected = (self._expected + 1) & _MASK
            self.is_closed = True
        self._owes_answer |= bool(segment.payload or segment.flags & (SYN | FIN))

    @property
    def _can_push(self) -> bool:
        return bool(self._unsent) and self.is_connected and not self.is_closed and self._room > 0

    @property
    def _room(self) -> int:
        return self._window - ((self._next - self._acknowledged) & _MASK)

    def _flush(self) -> None:
        """Send what there is room for, and acknowledge by it or on its own."""
        while self._can_push:
            part = bytes(self._unsent[: min(self._room, MSS)])
            del self._unsent[: len(part)]
            self._send_segment(ACK | PSH, part)
            self._next = (self._next + len(part)) & _MASK
        if self._owes_answer:
            self._send_segment(ACK, b"")

    def _send_segment(self, flags: int, payload: bytes) -> None:
        assert self._peer is not None, "no connection"
        self._owes_answer = False
        ip, port = self._peer
        segment = Segment(
            *(LOCAL_PORT, port, self._next, self._expected if flags & ACK else 0),
            *(flags, _WINDOW, payload),
        )
        data = frames.tcp(self._ip, ip, segment)
        self._send_ip(ip, frames.ipv4(self._ip, ip, frames.PROTOCOL_TCP, data))

    def _send_ip(self, ip: bytes, packet: bytes) -> None:
        mac = self._macs.get(ip)
        if mac is None:
            self._waiting.append((ip, packet))
            question = frames.arp(frames.ARP_REQUEST, self._mac, self._ip, bytes(6), ip)
            self._send_frame(frames.BROADCAST, frames.TYPE_ARP, question)
            return
        self._send_frame(mac, frames.TYPE_IPV4, packet)

    def _send_frame(self, target: bytes, kind: int, payload: bytes) -> None:
        self._frames.append((self.now_ns, frames.ethernet(target, self._mac, kind, payload)))
