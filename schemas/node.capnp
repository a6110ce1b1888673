@0xbe7db35f01477a5f;
# A node gets these when it boots: the configuration `NXCF`, the archive `NXBF`, its drives.

using A = import "annotations.capnp";

const magic :Data = "NXCF";
const version :UInt8 = 1;
const headerBytes :UInt8 = 44;
const blobBytesMax :UInt32 = 65536;
const sectionsMax :UInt16 = 32;
const sectionBytesMax :UInt16 = 8000;
# A section reaches its service in one message, with a header before it.
const messageBytesMax :UInt16 = 8192;
# The longest message between services of a node.

const firmwareFile :Text = "opt/org.nexus/node";
# The configuration's name in fw_cfg.

const servicesMax :UInt16 = 24;
# Services that init starts.
const routesMax :UInt16 = 64;
# Pairs of services that may reach each other.
const grantsMax :UInt16 = 64;
# Capabilities that policyd holds.
const stateKeysMax :UInt16 = 2048;
# Keys that statefsd holds, beside open transactions.

const sharePeerKeys :UInt16 = 512;
# The share of a peer in a store, unless the configuration says otherwise.
const sharePeerBytes :UInt32 = 262144;
const shareReserveKeys :UInt16 = 128;
# The part that peers together leave to services of the node.
const shareReserveBytes :UInt32 = 65536;

const archiveMagic :Data = "NXBF";
const archiveVersion :UInt16 = 1;
const archivePageBytes :UInt16 = 4096;
# Each file in the archive begins at a multiple of this.
const archiveNameBytes :UInt8 = 32;
# The field of a name, which ends with a zero.
const archiveFilesMax :UInt16 = 64;
# That the kernel reads.

enum InitTag $A.bits(16) {
  # Records of init's section.
  start @0 $A.code(1);
  # Name of a service to start, in order.
  route @1 $A.code(2);
  # `client>server`: one permitted route.
}

enum NetstackTag $A.bits(16) {
  # Records of netstackd's section.
  address @0 $A.code(1);
  # IPv4 address, prefix length.
  gateway @1 $A.code(2);
}

enum BusTag $A.bits(16) {
  # Records of dsoftbusd's section.
  deviceId @0 $A.code(1);
  staticSecret @1 $A.code(2);
  listenPort @2 $A.code(3);
  announced @3 $A.code(4);
  # Name of a service.
  peer @4 $A.code(5);
  # flags u8 (1 = dial), IPv4, port u16, public key, device id.
  allow @5 $A.code(6);
  # service u8, opcode u8, device id.
  rate @6 $A.code(7);
  # burst u16, refill per second u16.
  announceInterval @7 $A.code(8);
  # Milliseconds u32.
  peerTtl @8 $A.code(9);
  # Milliseconds u32.
  streams @9 $A.code(10);
  # u8: 1: each session proves that its streams work before it is used.
  rpc @10 $A.code(11);
  # u8: `rpc.Mode`; without the record it is `frames`.
}

enum PolicyTag $A.bits(16) {
  # Records of policyd's section.
  grant @0 $A.code(1);
  # Service id u64, name of a capability.
}

enum SelftestTag $A.bits(16) {
  # Records of selftest-client's section.
  mode @0 $A.code(1);
  peer @1 $A.code(2);
  proof @2 $A.code(3);
}

enum Mode $A.bits(8) {
  # The role of a node's selftest.
  single @0;
  client @1;
  server @2;
}

enum Proof $A.bits(8) {
  # The proofs of the selftest about its peer, besides resolving and listing.
  packages @0 $A.code(1);
  state @1 $A.code(2);
}

enum StateTag $A.bits(16) {
  # Records of statefsd's section.
  share @0 $A.code(1);
  # Keys of a peer u16, bytes u32.
  reserve @1 $A.code(2);
  # The part for the node's own services: keys u16, bytes u32.
  peers @2 $A.code(3);
  # u8: the number of peers that may set keys.
}

enum BundleTag $A.bits(16) {
  # Records of bundlemgrd's section.
  build @0 $A.code(1);
  # Text of `build.prop`.
}

enum DeviceSlot $A.bits(8) {
  # The slot of the board in which a service's device is.
  network @0;
  entropy @1;
  state @2;
  # A drive that can be written.
  packages @3;
  # A drive that can be read.
}
