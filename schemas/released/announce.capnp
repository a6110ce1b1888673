@0xd2409c7d8a407f5c;
# Announce v1 (`NXSB`): the datagram by which a node says who and where it is.

using A = import "annotations.capnp";

const magic :Data = "NXSB";
const version :UInt8 = 1;

const port :UInt16 = 37020;
# UDP port that every node listens on.
const group :List(UInt8) = [239, 42, 0, 1];
# Multicast group that announcements are sent to, besides the configured peers.

const nameBytesMax :UInt8 = 64;
# Of a device id, and of the name of a service.
const servicesMax :UInt8 = 16;
# Names of services in one announcement.
const keyBytes :UInt8 = 32;
# An X25519 public key.
const peersHeardMax :UInt16 = 16;
# Entries of the table of peers that were heard: the original's. Configured peers always fit.
