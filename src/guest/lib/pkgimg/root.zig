//! Package images, `PKGIMGV2` (docs/spec/packagefs.md). This library is pure: the caller reads the
//! disk and owns the memory. The library decides whether the bytes are an image, and where in it a
//! file lies.
//!
//!     superblock   where the index and the data are, and the digest of the index
//!     index        its entries, checked once; then look-ups that cannot fail
//!     name         what a bundle, a version or a path may look like

pub const superblock = @import("superblock.zig");
pub const index = @import("index.zig");
pub const name = @import("name.zig");

pub const Superblock = superblock.Superblock;
pub const Index = index.Index;

/// The reason for which an image is refused.
pub const Error = superblock.Error || index.Error;

test {
    _ = superblock;
    _ = index;
    _ = name;
    _ = @import("index_test.zig");
}
