//! The streams of the attacker's own session, as far as an honest call needs them.

const dsoftbus = @import("dsoftbus");
const Line = @import("line.zig").Line;
const frames = dsoftbus.frames;

// Not on the stack, which is small.
var mux: dsoftbus.mux.Mux = undefined;
var answers: dsoftbus.assembly.Assembly = undefined;
var plaintext: [frames.plaintext_bytes_max]u8 = undefined;
var gateway: u32 = 0;

/// The session is ready: speak of streams, and open the gateway's.
pub fn start(line: *Line) !void {
    mux.init(.dialler);
    mux.start();
    answers.begin(.response);
    if (try nextEvent(line) != .settled) return error.Unexpected;
    gateway = try mux.open("gateway", 0);
    try push(line);
}

/// Put a frame on the gateway's stream.
pub fn ask(line: *Line, frame: []const u8) !void {
    if (mux.send(gateway, frame) != frame.len) return error.NoCredit;
    try push(line);
}

/// The status of the next answer on the gateway's stream.
pub fn nextStatus(line: *Line) !frames.Status {
    while (true) {
        if (try answers.next()) |frame| {
            const status = (try frames.decodeResponse(frame)).status;
            mux.grant(gateway, frame.len);
            answers.drop(frame.len);
            return status;
        }
        switch (try nextEvent(line)) {
            .arrived => |data| if (!answers.put(data.bytes)) return error.TooMuch,
            .was_reset => return error.Reset,
            else => {},
        }
    }
}

fn nextEvent(line: *Line) !dsoftbus.mux.Event {
    while (true) {
        try push(line);
        const event = try line.next() orelse return error.Closed;
        if (event != .received) return error.Unexpected;
        if (try mux.receive(event.received)) |what| return what;
    }
}

/// Say what the streams have to say.
fn push(line: *Line) !void {
    while (mux.nextFrame(&plaintext)) |frame| {
        try line.session.send(frame);
        try line.flush();
    }
}
