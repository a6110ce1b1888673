//! The system calls, one function each.

const builtin = @import("builtin");
const abi = @import("abi");

/// On the host there is no kernel below; tests stand in for it, see `stand_in`.
pub const is_guest = builtin.cpu.arch == .riscv64;

/// The function that takes the system calls of a test on the host.
pub var stand_in: *const fn (number: abi.Syscall, args: [6]u64) u64 = undefined;

const Slot = abi.Slot;

pub const Error = error{
    Denied,
    NotFound,
    TooBig,
    BadSlot,
    WouldBlock,
    NoMemory,
    Fault,
    Invalid,
    NoSpace,
    Broken,
    Unsupported,
    TimedOut,
    Unexpected,
};

fn syscall(number: abi.Syscall, args: [6]u64) u64 {
    if (!is_guest) return stand_in(number, args);
    return asm volatile ("ecall"
        : [ret] "={a0}" (-> u64),
        : [a0] "{a0}" (args[0]),
          [a1] "{a1}" (args[1]),
          [a2] "{a2}" (args[2]),
          [a3] "{a3}" (args[3]),
          [a4] "{a4}" (args[4]),
          [a5] "{a5}" (args[5]),
          [a7] "{a7}" (@intFromEnum(number)),
        : .{ .memory = true });
}

/// The call's result, or its errno as an error. Arguments that are not given are zero.
fn ask(number: abi.Syscall, arguments: anytype) Error!u64 {
    var registers: [6]u64 = @splat(0);
    inline for (arguments, 0..) |argument, i| registers[i] = argument;
    return check(syscall(number, registers));
}

fn check(result: u64) Error!u64 {
    const signed: i64 = @bitCast(result);
    if (signed >= 0 or signed < -4095) return result;
    return switch (@as(abi.Errno, @enumFromInt(@as(u16, @intCast(-signed))))) {
        .perm => error.Denied,
        .srch => error.NotFound,
        .too_big => error.TooBig,
        .bad_slot => error.BadSlot,
        .again => error.WouldBlock,
        .no_memory => error.NoMemory,
        .fault => error.Fault,
        .invalid => error.Invalid,
        .no_space => error.NoSpace,
        .pipe => error.Broken,
        .no_sys => error.Unsupported,
        .timed_out => error.TimedOut,
        else => error.Unexpected,
    };
}

pub fn yield() void {
    _ = syscall(.yield, @splat(0));
}

pub fn nsec() u64 {
    return syscall(.nsec, @splat(0));
}

pub fn exit(code: u64) noreturn {
    _ = syscall(.exit, .{ code, 0, 0, 0, 0, 0 });
    unreachable;
}

pub fn getpid() u32 {
    return @truncate(syscall(.getpid, @splat(0)));
}

pub fn debugWrite(bytes: []const u8) void {
    _ = syscall(.debug_write, .{ @intFromPtr(bytes.ptr), bytes.len, 0, 0, 0, 0 });
}

pub fn ipcSend(
    slot: Slot,
    header: *const abi.MsgHeader,
    payload: []const u8,
    flags: u64,
    deadline_ns: u64,
) Error!void {
    const bytes = @intFromPtr(payload.ptr);
    _ = try ask(.ipc_send, .{
        slot, @intFromPtr(header), bytes, payload.len, flags, deadline_ns,
    });
}

pub fn ipcRecv(
    slot: Slot,
    header: *abi.MsgHeader,
    buffer: []u8,
    sender: *u64,
    flags: u32,
    deadline_ns: u64,
) Error!usize {
    const desc: abi.RecvDesc = .{
        .slot = slot,
        .header = @intFromPtr(header),
        .payload = @intFromPtr(buffer.ptr),
        .payload_cap = @min(buffer.len, abi.payload_bytes_max),
        .sender = @intFromPtr(sender),
        .flags = flags,
        .deadline_ns = deadline_ns,
    };
    return ask(.ipc_recv, .{@intFromPtr(&desc)});
}

/// Create a suspended task from an ELF; only `init` may.
pub fn exec(elf: []const u8, stack_pages: u64, service: []const u8) Error!u32 {
    const name = @intFromPtr(service.ptr);
    const file = @intFromPtr(elf.ptr);
    return @truncate(try ask(.exec, .{ file, elf.len, stack_pages, 0, name, service.len }));
}

pub fn taskResume(pid: u32) Error!void {
    _ = try ask(.task_resume, .{pid});
}

/// Closing an empty slot changes nothing, so there is nothing to report.
pub fn capClose(slot: Slot) void {
    _ = ask(.cap_close, .{slot}) catch {};
}

pub fn capClone(slot: Slot, rights: u32) Error!Slot {
    return @truncate(try ask(.cap_clone, .{ slot, rights }));
}

pub fn capTransferTo(pid: u32, slot: Slot, rights: u32, child_slot: Slot) Error!Slot {
    return @truncate(try ask(.cap_transfer_to, .{ pid, slot, rights, child_slot }));
}

pub fn capQuery(slot: Slot) Error!abi.CapInfo {
    var info: abi.CapInfo = undefined;
    _ = try ask(.cap_query, .{ slot, @intFromPtr(&info) });
    return info;
}

pub fn endpointCreate(depth: u32) Error!Slot {
    return @truncate(try ask(.endpoint_create, .{ abi.slot.factory, depth }));
}

pub fn deviceCapCreate(base: u64, len: u64) Error!Slot {
    return @truncate(try ask(.device_cap_create, .{ abi.slot.factory, base, len }));
}

pub fn irqCreate(irq: u32) Error!Slot {
    return @truncate(try ask(.irq_create, .{ abi.slot.factory, irq }));
}

pub fn irqBind(irq: Slot, endpoint: Slot) Error!void {
    _ = try ask(.irq_bind, .{ irq, endpoint });
}

pub fn irqAck(irq: Slot) Error!void {
    _ = try ask(.irq_ack, .{irq});
}

pub fn vmoCreate(len: usize) Error!Slot {
    return @truncate(try ask(.vmo_create, .{len}));
}

pub fn vmMap(slot: Slot, offset: u64, len: usize, prot: u64) Error!u64 {
    return ask(.vm_map, .{ slot, offset, len, prot });
}

pub fn vmUnmap(address: u64, len: usize) Error!void {
    _ = try ask(.vm_unmap, .{ address, len });
}

pub fn mmioMap(slot: Slot) Error!u64 {
    return ask(.mmio_map, .{slot});
}
