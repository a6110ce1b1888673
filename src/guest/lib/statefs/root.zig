//! The engine of the state store (docs/spec/statefs.md): a map of keys to values in a journal that
//! survives power cuts. The library is pure: a disk is any value with `sectors`, `read`, `write`
//! and `flush`. The host's engine (nexus.remotefs.state) writes the same bytes, and a test of each
//! holds them to the same disk.

pub const record = @import("record.zig");
pub const superblock = @import("superblock.zig");
pub const contents = @import("contents.zig");
pub const journal = @import("journal.zig");
pub const store = @import("store.zig");

pub const call = @import("call.zig");
pub const calls = @import("calls.zig");

pub const Store = store.Store;
pub const Call = call.Call;
pub const Verdict = calls.Verdict;
pub const Contents = contents.Contents;
pub const Item = contents.Item;
pub const Error = store.Error;
pub const sector_bytes = superblock.sector_bytes;

test {
    _ = record;
    _ = superblock;
    _ = call;
    _ = calls;
    _ = contents;
    _ = journal;
    _ = @import("mount.zig");
    _ = @import("compaction.zig");
    _ = store;
    _ = @import("store_test.zig");
    _ = @import("golden_test.zig");
    _ = @import("cut_test.zig");
    _ = @import("calls_cases_test.zig");
    _ = @import("edge_test.zig");
    _ = @import("limits_test.zig");
    _ = @import("refusal_test.zig");
    _ = @import("snapshot_test.zig");
    _ = @import("window_test.zig");
    _ = @import("mount_test.zig");
    _ = @import("flush_test.zig");
}
