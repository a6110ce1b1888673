//! The contract between kernel and services: numbers, layouts, limits. This file has no code that
//! runs; docs/spec/kernel-abi.md explains it.

const std = @import("std");
const contract = @import("contract");

pub const Slot = u32;
pub const no_slot: Slot = 0xFFFF_FFFF;

pub const Syscall = enum(u64) {
    yield = 0,
    nsec = 1,
    vmo_create = 5,
    exit = 11,
    ipc_send = 14,
    exec = 17,
    cap_close = 20,
    endpoint_create = 22,
    cap_clone = 24,
    getpid = 25,
    ipc_recv = 26,
    cap_query = 28,
    device_cap_create = 30,
    cap_transfer_to = 31,
    task_resume = 32,
    irq_create = 36,
    irq_bind = 37,
    irq_ack = 38,
    debug_write = 44,
    vm_map = 53,
    vm_unmap = 54,
    mmio_map = 55,
    _,
};

pub const Errno = enum(u16) {
    perm = 1,
    srch = 3,
    too_big = 7,
    bad_slot = 9,
    again = 11,
    no_memory = 12,
    fault = 14,
    invalid = 22,
    no_space = 28,
    pipe = 32,
    no_sys = 38,
    timed_out = 110,
    _,
};

pub const Right = struct {
    pub const send: u32 = 1;
    pub const recv: u32 = 2;
    pub const map: u32 = 4;
    pub const manage: u32 = 8;
};

pub const CapKind = enum(u32) { vmo = 1, mmio = 2, endpoint = 3, factory = 4, irq = 5, _ };

/// Slots that `init` fills before a service starts.
pub const slot = struct {
    pub const factory: Slot = 0; // init only
    pub const init_control: Slot = 1;
    pub const inbox_recv: Slot = 2;
    pub const inbox_send: Slot = 3;
    pub const server_recv: Slot = 4;
    pub const server_send: Slot = 5;
    pub const mmio: Slot = 6;
    pub const irq: Slot = 7;
};

pub const slots_per_task = 64;
pub const payload_bytes_max = contract.node.message_bytes_max;
pub const endpoint_depth_max = 64;
pub const name_bytes_max = 64;
pub const debug_write_bytes_max = 1024;

pub const MsgFlag = struct {
    pub const cap_move: u16 = 1;
};

pub const SendFlag = struct {
    pub const nonblock: u64 = 1;
};

pub const RecvFlag = struct {
    pub const nonblock: u32 = 1;
    pub const truncate: u32 = 2;
};

pub const MsgHeader = extern struct {
    src: u32 = 0,
    dst: u32 = 0,
    type: u16 = 0,
    flags: u16 = 0,
    len: u32 = 0,
};

pub const recv_magic: u32 = 0x4E58_4932;

pub const RecvDesc = extern struct {
    magic: u32 = recv_magic,
    version: u32 = 1,
    slot: u32,
    pad0: u32 = 0,
    header: u64,
    payload: u64,
    payload_cap: u64,
    sender: u64,
    flags: u32 = 0,
    pad1: u32 = 0,
    deadline_ns: u64 = 0,
};

/// Header types of messages that the kernel itself sends (sender id 0).
pub const KernelMsg = struct {
    pub const interrupt: u16 = 0xFF01;
    pub const child_exit: u16 = 0xFF02;
};

pub const ChildExit = extern struct {
    pid: u32,
    reason: u32, // 0 exit, 1 crash
    code: u64, // exit code or scause
    addr: u64, // stval
    pc: u64,
    service_id: u64,
};

pub const CapInfo = extern struct {
    kind: u32,
    zero: u32 = 0,
    base: u64,
    len: u64,
};

pub const InfoPage = extern struct {
    version: u32 = 2,
    zero0: u32 = 0,
    name_ptr: u64,
    name_len: u32,
    zero1: u32 = 0,
    service_id: u64,
};

pub const Prot = struct {
    pub const read: u64 = 1;
    pub const write: u64 = 2;
};

pub const layout = struct {
    pub const image_base: u64 = 0x1000_0000;
    pub const stack_top: u64 = 0x2000_0000;
    pub const info_page: u64 = 0x2000_1000;
    pub const map_base: u64 = 0x3000_0000;
};

/// FNV-1a 64 of a service's name: its identity in the system.
pub fn serviceId(name: []const u8) u64 {
    return std.hash.Fnv1a_64.hash(name);
}

comptime {
    std.debug.assert(@sizeOf(MsgHeader) == 16);
    std.debug.assert(@sizeOf(RecvDesc) == 64);
    std.debug.assert(@sizeOf(CapInfo) == 24);
    std.debug.assert(@sizeOf(InfoPage) == 32);
    std.debug.assert(@sizeOf(ChildExit) == 40);
}

test "service ids are those of the original system" {
    try std.testing.expectEqual(@as(u64, 0x326680366b8c11f1), serviceId("dsoftbusd"));
    try std.testing.expectEqual(@as(u64, 0x75f64afec44cd4d7), serviceId("samgrd"));
    try std.testing.expectEqual(@as(u64, 0x52c6c4a34ffb3f69), serviceId("selftest-client"));
}

test "message header bytes are those of the original system" {
    const header: MsgHeader = .{
        .src = 0x01020304,
        .dst = 0x11223344,
        .type = 0x5566,
        .flags = 0x7788,
        .len = 0x99AABBCC,
    };
    var expected: [16]u8 = undefined;
    _ = try std.fmt.hexToBytes(&expected, "040302014433221166558877ccbbaa99");
    try std.testing.expectEqualSlices(u8, &expected, std.mem.asBytes(&header));
}
