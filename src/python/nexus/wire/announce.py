"""Announce v1 (`NXSB`): the datagram by which a node says who and where it is.

    0      4  `NXSB`                       6+D   2  TCP port, big-endian
    4      1  version = 1                  8+D  32  X25519 static public key
    5      1  D, length of the id, 1..64   40+D  1  count of services, 0..16
    6      D  device id, UTF-8             41+D     per service: length 1..64, name in UTF-8

Bytes after the last service are ignored, so that a later version may add some.  Nothing here is
authentic: whoever reads it learns whom to ask, never whom to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import announce as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter, check_length, open_frame

PORT: Final = contract.PORT
GROUP: Final = ".".join(map(str, contract.GROUP))
MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
NAME_BYTES_MAX: Final = contract.NAME_BYTES_MAX
SERVICES_MAX: Final = contract.SERVICES_MAX
KEY_BYTES: Final = contract.KEY_BYTES
ANNOUNCE_BYTES_MAX: Final = 41 + NAME_BYTES_MAX + SERVICES_MAX * (1 + NAME_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Announce:
    """One node's announcement."""

    device_id: str
    port: int
    public_key: bytes
    services: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the datagram."""
        if len(self.services) > SERVICES_MAX:
            raise LocalProtocolError(Reason.SERVICE_COUNT, f"{len(self.services)}")
        identity = self.device_id.encode()
        check_length(identity, 1, NAME_BYTES_MAX, Reason.DEVICE_ID_LENGTH)
        check_length(self.public_key, KEY_BYTES, KEY_BYTES, Reason.OUT_OF_RANGE)
        out = FrameWriter(ANNOUNCE_BYTES_MAX)
        out.put(MAGIC).u8(VERSION).u8(len(identity)).put(identity)
        out.u16_big(self.port).put(self.public_key).u8(len(self.services))
        for service in self.services:
            name = service.encode()
            check_length(name, 1, NAME_BYTES_MAX, Reason.SERVICE_NAME_LENGTH)
            out.u8(len(name)).put(name)
        return out.finish()


def decode_announce(datagram: bytes) -> Announce:
    """Read a datagram; the first thing wrong with it, in the order of the fields, is the reason."""
    reader, _ = open_frame(datagram, MAGIC, (VERSION,))
    device_id = _name(reader, Reason.DEVICE_ID_LENGTH)
    port = reader.u16_big()
    public_key = reader.take(KEY_BYTES)
    count = reader.u8()
    if count > SERVICES_MAX:
        raise RemoteProtocolError(Reason.SERVICE_COUNT, f"{count}")
    services = tuple(_name(reader, Reason.SERVICE_NAME_LENGTH) for _ in range(count))
    return Announce(device_id, port, public_key, services)


def _name(reader: FrameReader, reason: Reason) -> str:
    length = reader.u8()
    if not 1 <= length <= NAME_BYTES_MAX:
        raise RemoteProtocolError(reason, f"{length}, expected 1..{NAME_BYTES_MAX}")
    return reader.text(length)
