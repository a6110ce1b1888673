"""Announce v1 (`NXSB`): the datagram by which a node says who and where it is.

Where its fields are is in the schema (docs/spec/contract.md, `Announce`).  Bytes after the last
service are ignored, so that a later version may add some.  Nothing here is authentic: a reader
learns which address to ask, never which peer to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import announce as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter, check_length, open_frame
from nexus.wire.part import Part

PORT: Final = contract.PORT
GROUP: Final = ".".join(map(str, contract.GROUP))
MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
NAME_BYTES_MAX: Final = contract.NAME_BYTES_MAX
SERVICES_MAX: Final = contract.SERVICES_MAX
KEY_BYTES: Final = contract.KEY_BYTES
ANNOUNCE_BYTES_MAX: Final = contract.ANNOUNCE_BYTES_MOST
_HEAD: Final = Part(contract.ANNOUNCE_HEAD)
_TAIL: Final = Part(contract.ANNOUNCE_AFTER_DEVICE_ID)


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
            raise LocalProtocolError(
                Reason.SERVICE_COUNT, f"{len(self.services)}; at most {SERVICES_MAX}"
            )
        identity = self.device_id.encode()
        check_length(identity, 1, NAME_BYTES_MAX, Reason.DEVICE_ID_LENGTH)
        check_length(self.public_key, KEY_BYTES, KEY_BYTES, Reason.OUT_OF_RANGE)
        out = FrameWriter(ANNOUNCE_BYTES_MAX)
        out.part(_HEAD, len(identity)).put(identity)
        out.part(_TAIL, self.port, self.public_key, len(self.services))
        for service in self.services:
            name = service.encode()
            check_length(name, 1, NAME_BYTES_MAX, Reason.SERVICE_NAME_LENGTH)
            out.u8(len(name)).put(name)
        return out.finish()


def decode_announce(datagram: bytes) -> Announce:
    """Read a datagram; the first thing wrong with it, in the order of the fields, is the reason."""
    reader, _ = open_frame(datagram, MAGIC, (VERSION,))
    device_id = _name(reader, Reason.DEVICE_ID_LENGTH)
    walk = reader.walk(_TAIL)
    port = walk.number("port")
    public_key = walk.data("public_key")
    count = walk.number("service_count")
    if count > SERVICES_MAX:
        raise RemoteProtocolError(Reason.SERVICE_COUNT, f"{count}; at most {SERVICES_MAX}")
    services = tuple(_name(reader, Reason.SERVICE_NAME_LENGTH) for _ in range(count))
    return Announce(device_id, port, public_key, services)


def _name(reader: FrameReader, reason: Reason) -> str:
    length = reader.u8()
    if not 1 <= length <= NAME_BYTES_MAX:
        raise RemoteProtocolError(reason, f"{length} bytes; expected 1..{NAME_BYTES_MAX}")
    return reader.text(length)
