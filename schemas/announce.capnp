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
# Longest device id, and longest name of a service.
const servicesMax :UInt8 = 16;
# Names of services in one announcement.
const keyBytes :UInt8 = 32;
# An X25519 public key.
const peersHeardMax :UInt16 = 16;
# Entries of the table of peers that were heard: the original's. Configured peers always fit.

struct Announce $A.frame {
  # The datagram. What stands behind the last service is not looked at: a later version may add it.
  magic @0 :Data = "NXSB" $A.width(4) $A.always;
  version @1 :UInt8 = 1 $A.always;
  deviceIdLength @2 :UInt8;
  # At least 1.
  deviceId @3 :Text $A.lengthIn("deviceIdLength") $A.bytesMax(.nameBytesMax);
  port @4 :UInt16 $A.bigEndian;
  # The TCP port at which the node accepts sessions; 0: it accepts none.
  publicKey @5 :Data $A.width(.keyBytes);
  # The static key of its sessions.
  serviceCount @6 :UInt8;
  services @7 :List(Text) $A.lengthIn("serviceCount") $A.prefix(8)
      $A.itemsMax(.servicesMax) $A.bytesMax(.nameBytesMax);
  # Names of what it offers, of at least 1 byte each.
}
