@0xb6f0a3d25c7e1984;
# Lines on a node's console that tests, tools and people look for: each is written here alone.
#
# A line is printed in one call, and only after what it claims has happened.

using A = import "annotations.capnp";
using Gateway = import "gateway.capnp";

const ready :Text = ": ready";
# Behind a service's name: it serves.

const initStart :Text = "init: start";
const initReady :Text = "init: ready";
# Every service of the node was started.
struct InitNoConfiguration $A.line("init: no node configuration ({why})") { why @0 :Text; }
struct InitStarting $A.line("init: start {name}") { name @0 :Text; }
struct InitUp $A.line("init: up {name}") { name @0 :Text; }
struct InitCannotStart $A.line("init: cannot start {name} ({why})") { name @0 :Text; why @1 :Text; }
struct InitCrashed $A.line("init: service crashed name={name} cause={cause}") {
  name @0 :Text;
  cause @1 :UInt64;
}
struct InitExited $A.line("init: service exited name={name} code={code}") {
  name @0 :Text;
  code @1 :UInt64;
}
struct InitNotReset $A.line("init: device of {name} not reset ({why})") {
  name @0 :Text;
  why @1 :Text;
}
struct InitRestart $A.line("init: restart {name} ({number} of {most})") {
  name @0 :Text;
  number @1 :UInt32;
  most @2 :UInt32;
}
struct InitGaveUp $A.line("init: gave up {name}") { name @0 :Text; }

const netCard :Text = "net: virtio-net up";
struct NetAddress $A.line("net: iface up {a}.{b}.{c}.{d}/{prefix}") {
  a @0 :UInt8;
  b @1 :UInt8;
  c @2 :UInt8;
  d @3 :UInt8;
  prefix @4 :UInt8;
}
const netUp :Text = "netstackd: facade up";
struct NetFailed $A.line("netstackd: net FAIL {why}") { why @0 :Text; }
const netBroken :Text = "netstackd: net FAIL device broke the queue's rules";
const netNoAddress :Text = "netstackd: no address configured, serving none";

struct EntropyFailed $A.line("rngd: FAIL {why}") { why @0 :Text; }
const entropySilent :Text = "rngd: FAIL device does not answer";

const packagesMounted :Text = "packagefsd: v2 mounted (pkgimg)";
const packagesNone :Text = "packagefsd: no image";
struct PackagesRefused $A.line("packagefsd: image refused ({why})") { why @0 :Text; }

struct BundleDenied $A.line("bundlemgrd: sender denied id=0x{sender}") {
  sender @0 :UInt64 $A.hex(16);
}

struct DriveUp $A.line("blk: virtio-blk up (ss={sectorBytes} nsec={sectors})") {
  sectorBytes @0 :UInt32;
  sectors @1 :UInt64;
}
const stateNoDisk :Text = "statefsd: no disk, state ends with the machine";
const stateMounted :Text = "statefsd: journal v2 mounted (2PC)";
const stateUnreadable :Text = "statefsd: disk unreadable";
struct StateDamaged $A.line("statefsd: journal damaged ({why})") { why @0 :Text $A.member; }
struct StateDenied $A.line("statefsd: access denied path={path} sender=0x{sender}") {
  path @0 :Text $A.shown;
  # With spaces as they are; of another byte that does not print the two digits, behind a backslash
  # and an x.
  sender @1 :UInt64 $A.hex(16);
}
struct StateAbandoned $A.line("statefsd: transaction abandoned sender=0x{sender}") {
  sender @0 :UInt64 $A.hex(16);
}
struct StateCompacted $A.line("statefsd: compaction done (gen={generation}, entries={entries})") {
  generation @0 :UInt64;
  entries @1 :UInt64;
}

const discoveryUp :Text = "dsoftbusd: discovery cross-vm up";
const announceSent :Text = "dsoftbusd: discovery announce sent";
const peerLearned :Text = "dsoftbusd: discovery peer learned";
const announceMalformed :Text = "dsoftbusd: announce ignored (malformed)";
struct AnnounceMismatch $A.line("dsoftbusd: announce ignored (key mismatch peer={peer})") {
  peer @0 :Text $A.shown;
}
const acceptWait :Text = "dsoftbusd: cross-vm accept wait";
const dialStart :Text = "dsoftbusd: cross-vm dial start";
struct DialUnproven $A.line("dsoftbusd: dial unproven peer={peer} address={address}") {
  peer @0 :Text $A.shown;
  address @1 :Text $A.shown;
}
struct IdentityMismatch $A.line("dsoftbusd: identity mismatch peer={peer}") {
  peer @0 :Text $A.shown;
}
struct SessionOk $A.line("dsoftbusd: cross-vm session ok {peer}") { peer @0 :Text $A.shown; }
struct SessionLost $A.line("dsoftbusd: session lost peer={peer}") { peer @0 :Text $A.shown; }
struct MuxRejected $A.line("dsoftbusd: mux rejected peer={peer} ({reason})") {
  peer @0 :Text $A.shown;
  reason @1 :Text;
  # The text of a `mux.Reject`.
}
struct CallsBySchema $A.line("dsoftbusd: calls by schema peer={peer}") { peer @0 :Text $A.shown; }
const proxyRequest :Text = "dsoftbusd: remote proxy rx";
const proxyUp :Text = "dsoftbusd: remote proxy up";
struct ProxyOk $A.line("dsoftbusd: remote proxy ok (peer={peer} service={service})") {
  peer @0 :Text $A.shown;
  service @1 :Gateway.Service;
}
struct ProxyDenied $A.line("dsoftbusd: remote proxy denied ({reason})") {
  reason @0 :Gateway.Denial;
}
struct ProxyDeniedService $A.line("dsoftbusd: remote proxy denied (service={service})") {
  service @0 :Text;
}
const packagesServed :Text = "dsoftbusd: remote packagefs served";
const stateServed :Text = "dsoftbusd: remote statefs served";
const networkLost :Text = "dsoftbusd: network lost, beginning anew";
struct Printed $A.line("dsoftbusd: {record}") { record @0 :Text; }
# A record that the log has not confirmed.

const ladderUp :Text = "dsoftbus:mux crossvm session up";
# The proof of streams, in the original's words.
const ladderData :Text = "dsoftbus:mux crossvm data ok";
const ladderControl :Text = "SELFTEST: mux crossvm pri control ok";
const ladderBulk :Text = "SELFTEST: mux crossvm bulk ok";
const ladderBackpressure :Text = "SELFTEST: mux crossvm backpressure ok";
const ladderFailed :Text = "dsoftbus:mux crossvm fail";

const selftestNet :Text = "SELFTEST: net iface ok";
struct SelftestPassed $A.line("SELFTEST: {name}{ending}") { name @0 :Text; ending @1 :Text; }
struct SelftestReason $A.line("selftest-client: {name}: {why}") { name @0 :Text; why @1 :Text; }
struct SelftestFailed $A.line("SELFTEST: {name} FAIL") { name @0 :Text; }
const selftestEnd :Text = "SELFTEST: end";

enum Selftest {
  # The proofs of a node's selftest, printed behind `SELFTEST: `.
  ipcSenderPid @0 $A.word("ipc sender pid");
  ipcSenderServiceId @1 $A.word("ipc sender service_id");
  policyAllow @2 $A.word("policy allow");
  policyDeny @3 $A.word("policy deny");
  policyMalformed @4 $A.word("policy malformed");
  samgrdV1Register @5 $A.word("samgrd v1 register");
  samgrdV1Lookup @6 $A.word("samgrd v1 lookup");
  samgrdV1Unknown @7 $A.word("samgrd v1 unknown");
  samgrdV1Malformed @8 $A.word("samgrd v1 malformed");
  bundlemgrdV1List @9 $A.word("bundlemgrd v1 list");
  bundlemgrdV1Image @10 $A.word("bundlemgrd v1 image");
  bundlemgrdV1Malformed @11 $A.word("bundlemgrd v1 malformed");
  logQuery @12 $A.word("log query");
  rngEntropy @13 $A.word("rng entropy");
  netTcpListen @14 $A.word("net tcp listen");
  statefsPut @15 $A.word("statefs put");
  statefsUnauthorizedAccessRejected @16 $A.word("statefs unauthorized access rejected");
  statefsPersist @17 $A.word("statefs persist");
  remoteResolve @18 $A.word("remote resolve");
  remoteQuery @19 $A.word("remote query");
  remoteStatefsRw @20 $A.word("remote statefs rw");
  remotePkgfsStat @21 $A.word("remote pkgfs stat");
  remotePkgfsOpen @22 $A.word("remote pkgfs open");
  remotePkgfsReadStep @23 $A.word("remote pkgfs read step");
  remotePkgfsClose @24 $A.word("remote pkgfs close");
  remotePkgfsRead @25 $A.word("remote pkgfs read");
}

struct KernelStarted $A.line("neuron vers. {version} nexus") { version @0 :Text; }
struct KernelCrashed
    $A.line("kernel: service crashed name={name} cause={cause} addr=0x{address} pc=0x{pc}") {
  # A service was ended for a fault.
  name @0 :Text;
  cause @1 :Text;
  address @2 :UInt64 $A.hex(0);
  pc @3 :UInt64 $A.hex(0);
}
struct KernelUnreported $A.line("kernel: exit of pid {pid} not reported: no message left") {
  pid @0 :UInt64;
}
struct KernelPanic $A.line("kernel: panic: {why} pc=0x{pc}") {
  why @0 :Text;
  pc @1 :UInt64 $A.hex(0);
}
const kernelSentinel :Text = "KSELFTEST: resource sentinel ok";
const kernelZero :Text = "KSELFTEST: vmo zero ok";
const kernelMap :Text = "KSELFTEST: as map ok";
const kernelMapReject :Text = "KSELFTEST: vm map reject ok";
const kernelUnmap :Text = "KSELFTEST: vm unmap ok";
const kernelWriteExecute :Text = "KSELFTEST: w^x enforced";
const kernelSpawn :Text = "KSELFTEST: spawn reasons ok";
