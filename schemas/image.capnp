@0xc41f7a90d3e8b265;
# The image of a package file system: what the host builds and a guest mounts.

const packageMagic :Data = "PKGIMGV2";
const packageVersion :UInt16 = 2;
const dataAlignBytes :UInt16 = 512;
# The files' data begins at a multiple of this.
const fileAlignBytes :UInt16 = 4096;
# Each file begins at a multiple of this.

# Limits of the original system.
const imageBytesMax :UInt32 = 134217728;
const indexBytesMax :UInt32 = 8388608;
const entriesMax :UInt32 = 65536;
const pathBytesMax :UInt16 = 1024;
const nameBytesMax :UInt16 = 256;
# Longest name of a bundle, or of a version.
const fileBytesMax :UInt32 = 33554432;
