"""Two sessions on a fake wire, for tests: bytes go across when `run` is called."""

from __future__ import annotations

from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Event, Identity

SECRET_A = b"\x0a" * 32
SECRET_B = b"\x0b" * 32


def public_key_of(secret: bytes) -> bytes:
    """Return what a peer pins."""
    return NodeKey("node", secret).public


KEY_A, KEY_B = public_key_of(SECRET_A), public_key_of(SECRET_B)


def identity(name: str, secret: bytes, number: int = 0) -> Identity:
    """An identity whose ephemeral key is known: for tests only."""
    ephemeral = bytes([number + 1]) * 31 + secret[:1]
    return Identity(device_id=name, static_secret=secret, ephemeral_secret=ephemeral)


class Pair:
    """A dialler (`a`) and a responder (`b`)."""

    def __init__(self, pinned: bytes, number: int = 0) -> None:
        """Dial; nothing has crossed the wire yet."""
        self.a = Session.dial(identity("node-a", SECRET_A, number), pinned, 0)
        self.b = Session.accept(identity("node-b", SECRET_B, number), 0)
        self.events_a: list[Event] = []
        self.events_b: list[Event] = []

    def cross(self, now_ns: int = 0) -> bool:
        """Carry what waits in either direction; say whether there was anything."""
        to_b, to_a = self.a.take_output(), self.b.take_output()
        self.events_b += self.b.receive(to_b, now_ns)
        self.events_a += self.a.receive(to_a, now_ns)
        return bool(to_a or to_b)

    def run(self, now_ns: int = 0) -> None:
        """Carry bytes until both are silent."""
        while self.cross(now_ns):
            pass

    def make_ready(self) -> None:
        """Bring both sides to ready."""
        self.run()
        self.events_a += self.a.admit(0)
        self.run()
        self.events_b += self.b.admit(0)
        self.run()


def ready_pair(number: int = 0) -> Pair:
    """Two sides that are ready for each other."""
    pair = Pair(KEY_B, number)
    pair.make_ready()
    return pair
