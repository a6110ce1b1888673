-- Wireshark dissector for DSoftBus: announcements, the framing of Noise messages, and, in captures
-- whose sessions were opened, session frames, streams, the frames of services and calls as messages.
--
-- Install: copy this file into Wireshark's folder of personal Lua plugins (Help, About, Folders), or
-- give it to tshark: tshark -X lua_script:nexus.lua -r capture-opened.pcapng
--
-- Layouts are those of docs/spec/wire.md and docs/spec/rpc.md.  A frame or message that is too short,
-- or says something that cannot be, is marked with nexus.malformed.  Wireshark cannot open Noise sessions; `nexus world frames
-- CAPTURE --opened FILE` writes a capture in which each opened message is a packet of its own, of link
-- type USER0: one byte of direction, the connection's number in four, then the frame.

local nexus = Proto("nexus", "Nexus DSoftBus")
local announce = Proto("nexus_announce", "Nexus announce")
local noise = Proto("nexus_noise", "Nexus Noise messages")

local malformed = ProtoExpert.new(
  "nexus.malformed", "Malformed frame", expert.group.MALFORMED, expert.severity.ERROR)
nexus.experts = { malformed }

local fields = {}

-- define(kind, name, label, values): a field, made once however often it is named.
local function define(kind, name, label, values)
  if fields[name] == nil then
    local base = (kind == "bytes" or kind == "string") and base.NONE or base.DEC
    fields[name] = ProtoField[kind](name, label, base, values)
  end
  return fields[name]
end

-- A layout is a list of parts: { kind, name, label, values }, in the order of the bytes.  Kinds are
-- u8, u16, u32, u64, be16, key (32 bytes), zero16 and zero32, and `text` or `bytes` whose length is
-- that of the part named in the fifth place, or all the rest.
local WIDTHS = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, be16 = 2, key = 32, zero8 = 1, zero16 = 2, zero32 = 4, zero56 = 7 }
local KINDS = { u8 = "uint8", u16 = "uint16", u32 = "uint32", u64 = "uint64", be16 = "uint16" }

local function prepare(layout)
  for _, part in ipairs(layout) do
    local kind = part[1]
    if KINDS[kind] then define(KINDS[kind], part[2], part[3], part[4])
    elseif kind == "text" then define("string", part[2], part[3])
    else define("bytes", part[2], part[3]) end
  end
  return layout
end

-- walk(buffer, at, tree, layout): adds the parts; returns where they end and their numbers, or nil.
local function walk(buffer, at, tree, layout)
  local numbers = {}
  for _, part in ipairs(layout) do
    local kind, name = part[1], part[2]
    local width = WIDTHS[kind]
    if width == nil then
      width = part[5] and numbers[part[5]] or (buffer:len() - at)
    end
    if at + width > buffer:len() then
      tree:add_proto_expert_info(malformed, "cut short at " .. name)
      return nil
    end
    if width > 0 then
      local range = buffer(at, width)
      if kind == "be16" then
        tree:add(fields[name], range)
        numbers[name] = range:uint()
      elseif KINDS[kind] then
        tree:add_le(fields[name], range)
        if width <= 4 then numbers[name] = range:le_uint() end
      else
        local item = tree:add(fields[name], range)
        if kind:sub(1, 4) == "zero" and range:bytes():tohex():find("[^0]") then
          item:add_proto_expert_info(malformed, name .. " must be zero")
        end
      end
    end
    at = at + width
  end
  return at, numbers
end

local function ends(buffer, at, tree)
  if at ~= nil and at < buffer:len() then
    tree:add_proto_expert_info(malformed, (buffer:len() - at) .. " bytes behind the frame's end")
  end
end

-- The frames of services, by magic: names of operations and statuses, and what follows the head of a
-- request and of a reply that is ok.
local function service(magic, name, versions, operations, statuses, requests, replies, always)
  local prefix = "nexus." .. magic:lower()
  local ops = {}
  for number, op in pairs(operations) do
    ops[number] = op
    ops[number + 128] = op .. " reply"
  end
  local made = {
    name = name, versions = versions, operations = operations, prefix = prefix, always = always,
    head = prepare({
      { "text2", prefix .. ".magic", name .. " magic" },
      { "u8", prefix .. ".version", "Version" },
      { "u8", prefix .. ".op", "Operation", ops },
    }),
    nonce = prepare({ { "u64", prefix .. ".nonce", "Nonce" } }),
    status = prepare({ { "u8", prefix .. ".status", "Status", statuses } }),
    requests = {}, replies = {},
  }
  for number, layout in pairs(requests) do made.requests[number] = prepare(layout) end
  for number, layout in pairs(replies) do made.replies[number] = prepare(layout) end
  return made
end
WIDTHS.text2 = 2

local function named(prefix, width, path)
  local length = prefix .. "." .. path .. "_length"
  return { width, length, "Length of the " .. path }, { "text", prefix .. "." .. path, path, nil, length }
end

local sm_len, sm_name = named("nexus.sm", "u8", "name")
local pk_len, pk_path = named("nexus.pk", "u16", "path")
local sf_key_len, sf_key = named("nexus.sf", "u16", "key")
local SF_TXN = { "u64", "nexus.sf.txn", "Transaction" }

local SERVICES = {
  SM = service("SM", "samgr", { [1] = true },
    { "register", "lookup", nil, "sender-pid", "sender-service-id", "resolve-status" },
    { [0] = "ok", "not found", "malformed", "unsupported" },
    {
      [1] = { sm_len, { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" }, sm_name },
      [2] = { sm_len, sm_name }, [4] = {}, [5] = {}, [6] = { sm_len, sm_name },
    },
    {
      [1] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
      [2] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
      [4] = { { "u32", "nexus.sm.pid", "Process" } },
      [5] = { { "u64", "nexus.sm.service_id", "Service id" } },
      [6] = { { "u32", "nexus.sm.send", "Send slot" }, { "u32", "nexus.sm.receive", "Receive slot" } },
    }, true),
  BN = service("BN", "bundlemgr", { [1] = true }, { [1] = "list", [3] = "fetch-image" },
    { [0] = "ok", "malformed", "unsupported" },
    { [1] = {}, [3] = {} },
    {
      [1] = { { "u16", "nexus.bn.count", "Bundles" }, { "zero8", "nexus.bn.reserved", "Reserved" } },
      [3] = { { "u32", "nexus.bn.length", "Length" }, { "bytes", "nexus.bn.image", "Image", nil, "nexus.bn.length" } },
    }, true),
  PK = service("PK", "packagefs", { [1] = true }, { "stat", "open", "read", "close" },
    { [0] = "ok", "bad request", "unauthenticated", "path traversal", "not of packagefs", "not found", "bad handle", "oversized", "limit", "io" },
    {
      [1] = { pk_len, pk_path }, [2] = { pk_len, pk_path },
      [3] = { { "u32", "nexus.pk.handle", "Handle" }, { "u32", "nexus.pk.offset", "Offset" }, { "u16", "nexus.pk.length", "Length" } },
      [4] = { { "u32", "nexus.pk.handle", "Handle" } },
    },
    {
      [1] = { { "u64", "nexus.pk.size", "Size" }, { "u16", "nexus.pk.kind", "Kind", { [0] = "file", "folder" } } },
      [2] = { { "u32", "nexus.pk.handle", "Handle" } },
      [3] = { { "u16", "nexus.pk.length", "Length" }, { "bytes", "nexus.pk.data", "Data", nil, "nexus.pk.length" } },
      [4] = {},
    }, false),
  SF = service("SF", "statefs", { [1] = true, [2] = true },
    { "put", "get", "delete", "list", "sync", "reopen", "txn-begin", "txn-put", "txn-commit", "txn-abort", "read" },
    { [0] = "ok", "not found", "access denied", "value too large", "key too long", "invalid key", "malformed", "io error",
      "unsupported", "integrity violation", "rollback detected", "txn limit", "over share" },
    {
      [1] = { sf_key_len, { "u32", "nexus.sf.value_length", "Length of the value" }, sf_key,
        { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [2] = { sf_key_len, sf_key }, [3] = { sf_key_len, sf_key },
      [4] = { sf_key_len, { "u16", "nexus.sf.limit", "At most" }, sf_key },
      [5] = {}, [6] = {}, [7] = {},
      [8] = { SF_TXN, sf_key_len, { "u32", "nexus.sf.value_length", "Length of the value" }, sf_key,
        { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [9] = { SF_TXN }, [10] = { SF_TXN },
      [11] = { sf_key_len, { "u32", "nexus.sf.offset", "Offset" }, { "u16", "nexus.sf.length", "Length" }, sf_key },
    },
    {
      [1] = {}, [3] = {}, [5] = {}, [6] = {}, [8] = {}, [9] = {}, [10] = {}, [7] = { SF_TXN },
      [2] = { { "u32", "nexus.sf.value_length", "Length of the value" }, { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.value_length" } },
      [4] = { { "u16", "nexus.sf.count", "Keys" }, { "bytes", "nexus.sf.keys", "Keys, each behind its length" } },
      [11] = { { "u32", "nexus.sf.total", "Length in all" }, { "u64", "nexus.sf.version_of_value", "Version of the value" },
        { "u16", "nexus.sf.length", "Length" }, { "bytes", "nexus.sf.value", "Value", nil, "nexus.sf.length" } },
    }, false),
  LO = service("LO", "logd", { [1] = true, [2] = true }, { "append", "query", "stats" },
    { [0] = "ok", "malformed", "unsupported", "too large", "invalid", "over limit", "rate limited" },
    {
      [1] = { { "u8", "nexus.lo.level", "Level", { [0] = "error", "warn", "info", "debug", "trace" } },
        { "u8", "nexus.lo.scope_length", "Length of the scope" },
        { "u16", "nexus.lo.message_length", "Length of the message" }, { "u16", "nexus.lo.fields_length", "Length of the fields" },
        { "text", "nexus.lo.scope", "Scope", nil, "nexus.lo.scope_length" },
        { "text", "nexus.lo.message", "Message", nil, "nexus.lo.message_length" },
        { "text", "nexus.lo.fields", "Fields", nil, "nexus.lo.fields_length" } },
      [2] = { { "u64", "nexus.lo.since", "Since, ns" }, { "u16", "nexus.lo.limit", "At most" } },
      [3] = {},
    },
    {
      [1] = { { "u64", "nexus.lo.record", "Record" }, { "u64", "nexus.lo.dropped", "Dropped" } },
      [2] = { { "u64", "nexus.lo.total", "Records in all" }, { "u64", "nexus.lo.dropped", "Dropped" },
        { "u16", "nexus.lo.count", "Records here" }, { "bytes", "nexus.lo.records", "Records" } },
      [3] = { { "u64", "nexus.lo.total", "Records in all" }, { "u64", "nexus.lo.dropped", "Dropped" },
        { "bytes", "nexus.lo.capacity", "Capacities" } },
    }, false),
}
fields["nexus.sm.magic"] = nil
for _, known in pairs(SERVICES) do
  fields[known.prefix .. ".magic"] = ProtoField.string(known.prefix .. ".magic", known.name .. " magic")
end

-- payload(buffer, tree): a service's frame; returns a text for the column of information.
local function payload(buffer, tree)
  if buffer:len() < 4 then
    tree:add_proto_expert_info(malformed, "no frame of a service has " .. buffer:len() .. " bytes")
    return "malformed"
  end
  local known = SERVICES[buffer(0, 2):string()]
  if known == nil then
    tree:add_proto_expert_info(malformed, "no service has this magic")
    return "unknown service"
  end
  local inner = tree:add(nexus, buffer(), "Nexus " .. known.name)
  local at = walk(buffer, 0, inner, known.head)
  local version, op = buffer(2, 1):uint(), buffer(3, 1):uint()
  local is_reply = op >= 128
  local number = is_reply and op - 128 or op
  local layout = (is_reply and known.replies or known.requests)[number]
  if not known.versions[version] or layout == nil then
    inner:add_proto_expert_info(malformed, "no such version or operation")
    return known.name .. " malformed"
  end
  local text = known.name .. " " .. (known.operations[number] or number) .. (is_reply and " reply" or "")
  if is_reply then
    at = walk(buffer, at, inner, known.status)
    if at == nil then return text .. " malformed" end
    local status = buffer(4, 1):uint()
    text = text .. " status " .. status
    if version == 2 then at = walk(buffer, at, inner, known.nonce) end
    if status ~= 0 and at == buffer:len() then return text end
  elseif version == 2 then
    at = walk(buffer, at, inner, known.nonce)
  end
  if at == nil then return text .. " malformed" end
  ends(buffer, walk(buffer, at, inner, layout), inner)
  return text
end

local TYPES = {
  [1] = "REQUEST", [2] = "RESPONSE", [3] = "PING", [4] = "PONG", [16] = "SETTINGS", [17] = "OPEN",
  [18] = "OPEN_ACK", [19] = "DATA", [20] = "CREDIT", [21] = "CLOSE", [22] = "RESET",
}
define("uint8", "nexus.type", "Type", TYPES)
define("uint8", "nexus.direction", "Direction", { [0] = "to responder", [1] = "to initiator" })
define("uint32", "nexus.connection", "Connection")
local STREAM = { "u32", "nexus.stream", "Stream" }
local FRAMES = {
  [1] = prepare({ { "u8", "nexus.service", "Service", { "samgrd", "bundlemgrd", "packagefsd", "statefsd", "logd" } },
    { "u16", "nexus.payload_length", "Length of the payload" }, { "u64", "nexus.correlation", "Correlation id" },
    { "u32", "nexus.deadline", "Deadline, ms" }, { "zero16", "nexus.reserved16", "Reserved" } }),
  [2] = prepare({ { "u8", "nexus.status", "Status", { [0] = "ok", "refused", "failed", "busy" } },
    { "u16", "nexus.payload_length", "Length of the payload" }, { "u64", "nexus.correlation", "Correlation id" },
    { "zero32", "nexus.reserved32", "Reserved" } }),
  [3] = prepare({ { "zero56", "nexus.reserved56", "Reserved" }, { "u64", "nexus.nonce", "Nonce" } }),
  [16] = prepare({ { "u8", "nexus.version", "Version" }, { "u16", "nexus.streams_max", "Streams" },
    { "u32", "nexus.message_bytes_max", "Longest message" }, { "u32", "nexus.initial_credit", "Initial credit" } }),
  [17] = prepare({ STREAM, { "u8", "nexus.priority", "Priority" }, { "u8", "nexus.name_length", "Length of the name" },
    { "text", "nexus.name", "Name", nil, "nexus.name_length" } }),
  [18] = prepare({ STREAM }),
  [19] = prepare({ STREAM, { "bytes", "nexus.data", "Data" } }),
  [20] = prepare({ STREAM, { "u32", "nexus.credit", "Credit" } }),
  [21] = prepare({ STREAM }),
  [22] = prepare({ STREAM, { "u8", "nexus.reason", "Reason", { [0] = "unwanted", "unknown stream", "nonsense" } } }),
}
FRAMES[4] = FRAMES[3]

-- Calls as messages, docs/spec/rpc.md: one segment of Cap'n Proto with its table in front.
--
-- A struct is a list of fields: { kind, name, label, offset, ... }.  Offsets count in units of the
-- field's own size, those of pointers among the pointers.  Kinds are u8 to u64, `enum` (with
-- `members`, how many there are, where another number cannot be), and behind pointers `text`, `data`,
-- `texts` and `structs` (`of` a layout), with the most bytes or items as `max`.
local RPC_STREAM = "rpc/2"
local RPC_WORDS_MAX, RPC_FOLLOWED_MAX, RPC_FRAME_MAX = 256, 1024, 256
local RPC_DEADLINE_MAX = 60000
local RPC_SIZES = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, enum = 2 }

local function of_struct(layout)
  for _, part in ipairs(layout) do
    local kind = part[1]
    if KINDS[kind] then define(KINDS[kind], part[2], part[3])
    elseif kind == "text" or kind == "texts" then define("string", part[2], part[3])
    elseif kind == "data" or kind == "structs" then define("bytes", part[2], part[3]) end
    if kind == "structs" then of_struct(part.of) end
  end
  return layout
end

-- method(name, frame, params, results): `frame` is how long the frame that the call stands for is
-- without its texts and data.
local function method(name, frame_bytes, params, results)
  return { name = name, frame = frame_bytes, params = of_struct(params), results = of_struct(results) }
end

local function status_of(prefix, count) -- Every service has numbers of its own for how it ended.
  return { "enum", prefix .. ".status", "Status", 0, members = count }
end
local SM_STATUS, BN_STATUS = status_of("nexus.sm", 4), status_of("nexus.bn", 3)
local PK_STATUS, SF_STATUS = status_of("nexus.pk", 10), status_of("nexus.sf", 13)
local LO_STATUS = status_of("nexus.lo", 7)
local PK_PATH = { "text", "nexus.pk.path", "Path", 0 }
local PK_HANDLE = { "u32", "nexus.pk.handle", "Handle", 0 }
local SF_KEY = { "text", "nexus.sf.key", "Key", 0 }
local LO_TOTAL = { "u64", "nexus.lo.total", "Records in all", 1 }
local LO_DROPPED = { "u64", "nexus.lo.dropped", "Dropped", 2 }

local METHODS = {
  [1] = { name = "samgrd",
    [0] = method("resolveStatus", 5, { { "text", "nexus.sm.name", "Name", 0 } }, { SM_STATUS }),
  },
  [2] = { name = "bundlemgrd",
    [0] = method("list", 4, {}, { BN_STATUS, { "u16", "nexus.bn.count", "Bundles", 1 } }),
  },
  [3] = { name = "packagefsd",
    [0] = method("stat", 6, { PK_PATH },
      { PK_STATUS, { "u64", "nexus.pk.size", "Size", 1 }, { "enum", "nexus.pk.kind", "Kind", 1, members = 2 } }),
    [1] = method("open", 6, { PK_PATH }, { PK_STATUS, { "u32", "nexus.pk.handle", "Handle", 1 } }),
    [2] = method("read", 14,
      { PK_HANDLE, { "u32", "nexus.pk.offset", "Offset", 1 }, { "u16", "nexus.pk.length", "Length", 4 } },
      { PK_STATUS, { "data", "nexus.pk.data", "Data", 0, max = 128 } }),
    [3] = method("close", 8, { PK_HANDLE }, { PK_STATUS }),
  },
  [4] = { name = "statefsd",
    [0] = method("put", 10, { SF_KEY, { "data", "nexus.sf.value", "Value", 1 } }, { SF_STATUS }),
    [1] = method("get", 6, { SF_KEY }, { SF_STATUS, { "data", "nexus.sf.value", "Value", 0, max = 512 } }),
    [2] = method("delete", 6, { SF_KEY }, { SF_STATUS }),
    [3] = method("list", 8,
      { { "text", "nexus.sf.prefix", "Prefix", 0 }, { "u16", "nexus.sf.limit", "At most", 0 },
        { "text", "nexus.sf.after", "After", 1, before = 2 } },
      { SF_STATUS, { "texts", "nexus.sf.listed", "Key", 0, max = 64 } }),
    [4] = method("sync", 4, {}, { SF_STATUS }),
    [5] = method("txnBegin", 4, {}, { SF_STATUS, { "u64", "nexus.sf.txn", "Transaction", 1 } }),
    [6] = method("txnPut", 18,
      { { "u64", "nexus.sf.txn", "Transaction", 0 }, SF_KEY, { "data", "nexus.sf.value", "Value", 1 } },
      { SF_STATUS }),
    [7] = method("txnCommit", 12, { { "u64", "nexus.sf.txn", "Transaction", 0 } }, { SF_STATUS }),
    [8] = method("txnAbort", 12, { { "u64", "nexus.sf.txn", "Transaction", 0 } }, { SF_STATUS }),
  },
  [5] = { name = "logd",
    [0] = method("query", 14,
      { { "u64", "nexus.lo.since", "Since, ns", 0 }, { "u16", "nexus.lo.limit", "At most", 4 } },
      { LO_STATUS, LO_TOTAL, LO_DROPPED,
        { "structs", "nexus.lo.records", "Record", 0, max = 64, of = {
          { "u64", "nexus.lo.record", "Record", 0 }, { "u64", "nexus.lo.time", "Time, ns", 1 },
          { "enum", "nexus.lo.level", "Level", 8, members = 5 },
          { "u64", "nexus.lo.writer", "Service id of the writer", 3 },
          { "text", "nexus.lo.scope", "Scope", 0, max = 64 },
          { "text", "nexus.lo.message", "Message", 1, max = 256 },
          { "text", "nexus.lo.fields", "Fields", 2, max = 512 },
        } } }),
    [1] = method("stats", 4, {}, { LO_STATUS, LO_TOTAL, LO_DROPPED }),
  },
}

local RPC_HEAD = prepare({
  { "u32", "nexus.rpc.segments", "Segments less one" }, { "u32", "nexus.rpc.words", "Words of the segment" },
})
local CALL = of_struct({
  { "u64", "nexus.rpc.correlation", "Correlation", 0 }, { "u32", "nexus.deadline", "Deadline, ms", 2 },
  { "u32", "nexus.rpc.epoch", "Epoch", 3 }, { "u8", "nexus.service", "Service", 16 },
  { "u16", "nexus.rpc.method", "Method", 9 },
})
local ANSWER = of_struct({ { "u64", "nexus.rpc.correlation", "Correlation", 0 } })
local MEMBER = { "enum", "nexus.rpc.member", "Member of the union", 4, members = 2 }
local REFUSAL = { "enum", "nexus.status", "Refusal", 5, members = 4 }
define("uint16", MEMBER[2], MEMBER[3], { [0] = "results", "refusal" })
define("string", "nexus.rpc.method_name", "Method's name")
define("bytes", "nexus.rpc.pointer", "Pointer to the struct")
define("bytes", "nexus.rpc.params", "Pointer to the parameters")
define("bytes", "nexus.rpc.results", "Pointer to the results")
define("bytes", "nexus.rpc.piece", "Part of a message that goes on later")
define("bytes", "nexus.rpc.ignored", "Behind what ended the stream")

-- What is wrong with a message ends its reading: stop() marks it, and attempt() comes back.
local STOPPED = {}
local function stop(tree, text)
  tree:add_proto_expert_info(malformed, text)
  error(STOPPED, 0)
end

local function attempt(work, ...)
  local done, result = pcall(work, ...)
  if not done and result ~= STOPPED then error(result, 0) end
  return done and result or nil
end

-- A message is { buffer, words, left }: left is how many words may still be followed.
local function word_range(message, at) return message.buffer(8 + 8 * at, 8) end

local function halves(message, at)
  local range = word_range(message, at)
  return range(0, 4):le_uint(), range(4, 4):le_uint()
end

local function pay(message, tree, count)
  if count > message.left then stop(tree, "pointers lead to more than " .. RPC_FOLLOWED_MAX .. " words") end
  message.left = message.left - count
end

-- claim(message, tree, at, low, count): where the words begin that the pointer at this word leads to.
local function claim(message, tree, at, low, count)
  local offset = math.floor(low / 4)
  if offset >= 2 ^ 29 then offset = offset - 2 ^ 30 end
  local start = math.floor(at + 1 + offset)
  if start < 0 or start + count > message.words then stop(tree, "a pointer leads out of the message") end
  pay(message, tree, count)
  return start
end

-- struct_at(message, tree, at): the struct's place; one without anything for a null pointer.
local function struct_at(message, tree, at)
  local low, high = halves(message, at)
  if low == 0 and high == 0 then return { at = 0, data = 0, pointers = 0 } end
  if low % 4 ~= 0 then stop(tree, "not a pointer to a struct") end
  local data, pointers = high % 65536, math.floor(high / 65536)
  return { at = claim(message, tree, at, low, data + pointers), data = data, pointers = pointers }
end

-- list_at(message, tree, at, size): pointer of a list of items of this size; the count in it.
local function list_at(message, tree, at, size)
  local low, high = halves(message, at)
  if low % 4 ~= 1 or high % 8 ~= size then stop(tree, "not a pointer to such a list") end
  return low, math.floor(high / 8)
end

-- Sequences of bytes that UTF-8 has, by their first byte.
local MORE = "[\128-\191]"
local UTF8 = {
  "^[%z\1-\127]+", "^[\194-\223]" .. MORE, "^\224[\160-\191]" .. MORE, "^[\225-\236]" .. MORE .. MORE,
  "^\237[\128-\159]" .. MORE, "^[\238\239]" .. MORE .. MORE, "^\240[\144-\191]" .. MORE .. MORE,
  "^[\241-\243]" .. MORE .. MORE .. MORE, "^\244[\128-\143]" .. MORE .. MORE,
}
local function is_utf8(text)
  local at = 1
  while at <= #text do
    local last
    for _, pattern in ipairs(UTF8) do
      _, last = text:find(pattern, at)
      if last then break end
    end
    if not last then return false end
    at = last + 1
  end
  return true
end

-- octets(message, tree, at, part): adds a text or data; returns how many bytes it has.
local function octets(message, tree, at, part)
  local low, high = halves(message, at)
  local is_text = part[1] ~= "data"
  if low == 0 and high == 0 then
    if is_text then tree:add(fields[part[2]], word_range(message, at), ""):set_generated() end
    return 0
  end
  local _, count = list_at(message, tree, at, 2)
  local start = 8 + 8 * claim(message, tree, at, low, math.floor((count + 7) / 8))
  local length = count
  if is_text then
    if count == 0 or message.buffer(start + count - 1, 1):uint() ~= 0 then
      stop(tree, part[2] .. " has no end")
    end
    length = count - 1
  end
  if count > 0 then
    local range = message.buffer(start, count)
    local raw = length > 0 and range:raw(0, length) or ""
    if is_text then
      local is_right = is_utf8(raw)
      tree:add(fields[part[2]], range, is_right and raw or "?")
      if not is_right then stop(tree, part[2] .. " is not UTF-8") end
    else
      tree:add(fields[part[2]], range)
    end
  end
  if part.max and length > part.max and part[1] ~= "texts" then
    stop(tree, part[2] .. " has more than " .. part.max .. " bytes")
  end
  return length
end

-- number(message, tree, place, part): adds a number; returns it as a plain one, high half lost.
local function number(message, tree, place, part)
  local size, field = RPC_SIZES[part[1]], fields[part[2]]
  if (part[4] + 1) * size > 8 * place.data then -- An earlier version's struct: the default.
    tree:add(field, size == 8 and UInt64(0) or 0):set_generated()
    return 0, 0
  end
  local range = message.buffer(8 + 8 * place.at + part[4] * size, size)
  if size == 8 then
    tree:add_le(field, range)
    return range(0, 4):le_uint(), range(4, 4):le_uint()
  end
  local value = range:le_uint()
  local item = tree:add(field, range, value)
  if part.members and value >= part.members then stop(item, part[2] .. " has no member " .. value) end
  return value, 0
end

local struct

local function structs(message, tree, at, part)
  local low, count = list_at(message, tree, at, 7)
  local start = 1 + claim(message, tree, at, low, count + 1)
  local tag, sizes = halves(message, start - 1)
  local items, data, pointers = math.floor(tag / 4), sizes % 65536, math.floor(sizes / 65536)
  local each = data + pointers
  if tag % 4 ~= 0 or items * each > count then stop(tree, "a list with more than its words") end
  if each == 0 then pay(message, tree, items) end
  if items > part.max then stop(tree, part[2] .. " has more than " .. part.max .. " items") end
  for index = 0, items - 1 do
    local place = { at = start + index * each, data = data, pointers = pointers }
    local inner = tree
    if each > 0 then inner = tree:add(fields[part[2]], message.buffer(8 + 8 * place.at, 8 * each)) end
    struct(message, inner, place, part.of)
  end
end

local function texts(message, tree, at, part)
  local low, count = list_at(message, tree, at, 6)
  local start = claim(message, tree, at, low, count)
  if count > part.max then stop(tree, part[2] .. " has more than " .. part.max .. " items") end
  for index = 0, count - 1 do octets(message, tree, start + index, part) end
end

-- struct(message, tree, place, layout): adds the fields; returns the bytes of its texts and data, with
-- those that stand `before` one which may be absent.
struct = function(message, tree, place, layout)
  local bytes = 0
  for _, part in ipairs(layout) do
    if RPC_SIZES[part[1]] then
      number(message, tree, place, part)
    elseif part[4] < place.pointers then
      local at = place.at + place.data + part[4]
      local low, high = halves(message, at)
      if part[1] == "text" or part[1] == "data" then
        local length = octets(message, tree, at, part)
        bytes = bytes + length + (length > 0 and part.before or 0)
      elseif low ~= 0 or high ~= 0 then
        (part[1] == "texts" and texts or structs)(message, tree, at, part)
      end
    elseif part[1] == "text" then
      tree:add(fields[part[2]], ""):set_generated()
    end
  end
  return bytes
end

-- root(message, tree): the place of Call or Answer, which the first word leads to.
local function root(message, tree)
  tree:add(fields["nexus.rpc.pointer"], word_range(message, 0))
  return struct_at(message, tree, 0)
end

-- inner(message, tree, place, name, layout): adds the pointer to parameters or results, and what it
-- leads to if a layout is known; returns the bytes of its texts and data.
local function inner(message, tree, place, name, layout)
  local found, item = { at = 0, data = 0, pointers = 0 }, tree
  if place.pointers > 0 then
    local at = place.at + place.data
    item = tree:add(fields[name], word_range(message, at))
    if layout then found = struct_at(message, item, at) end
  end
  return layout and struct(message, item, found, layout) or 0
end

local function parameters(message, tree, place, known)
  -- A method of a later version is refused, whatever its parameters are.
  local length = inner(message, tree, place, "nexus.rpc.params", known and known.params)
  length = length + (known and known.frame or 0)
  if length > RPC_FRAME_MAX then
    stop(tree, "oversized: its frame has " .. length .. " bytes, and may have " .. RPC_FRAME_MAX)
  end
end

-- call(message, tree, stream): a Call; returns a text.
local function call(message, tree, stream)
  local place = root(message, tree)
  local low, high = number(message, tree, place, CALL[1])
  local deadline = number(message, tree, place, CALL[2])
  number(message, tree, place, CALL[3])
  local service_number = number(message, tree, place, CALL[4])
  local ordinal = number(message, tree, place, CALL[5])
  local of = METHODS[service_number] or {}
  local known = of[ordinal]
  local name = (of.name or service_number) .. "." .. (known and known.name or ordinal)
  tree:add(fields["nexus.rpc.method_name"], name):set_generated()
  tree:append_text(": " .. name)
  stream.methods[high .. ":" .. low] = { name = name, known = known }
  if high ~= 0 then tree:add_proto_expert_info(malformed, "a correlation is below 2^32") end
  if deadline < 1 or deadline > RPC_DEADLINE_MAX then
    tree:add_proto_expert_info(malformed, "a deadline is 1 to " .. RPC_DEADLINE_MAX .. " ms")
  end
  attempt(parameters, message, tree, place, known)
  return name .. " #" .. low
end

-- answer(message, tree, stream): an Answer; its results are read as those of the call's method.
local function answer(message, tree, stream)
  local place = root(message, tree)
  local low, high = number(message, tree, place, ANSWER[1])
  local asked = stream.methods[high .. ":" .. low] or { name = "?" }
  if asked.name ~= "?" then
    tree:add(fields["nexus.rpc.method_name"], asked.name):set_generated()
    tree:append_text(": " .. asked.name)
  end
  local text = asked.name .. " #" .. low
  if number(message, tree, place, MEMBER) == 1 then
    local refusal = number(message, tree, place, REFUSAL)
    if refusal == 0 then stop(tree, "a refusal is not ok") end
    return text .. " refusal " .. refusal
  end
  inner(message, tree, place, "nexus.rpc.results", asked.known and asked.known.results)
  return text .. " results"
end

-- What is known of the streams of messages: by stream the side that opened it, the pieces that wait by
-- direction, and methods by correlation; by packet what waited before it, for when it is shown again.
local messages, waited = {}, {}

-- table_of(buffer, at): the length of the message that begins here; 0 if its table is not whole, and
-- nil with the reason if it is none.
local function table_of(buffer, at)
  if buffer:len() - at < 8 then return 0 end
  local segments, words = buffer(at, 4):le_uint(), buffer(at + 4, 4):le_uint()
  if segments ~= 0 then return nil, "a message has one segment" end
  if words == 0 then return nil, "a message has at least one word" end
  if words > RPC_WORDS_MAX then return nil, "oversized: a message has at most " .. RPC_WORDS_MAX .. " words" end
  return 8 + 8 * words
end

-- take(packet, stream): what waits for this packet's bytes, as it was when the packet came.
local function take(packet, stream)
  if waited[packet.number] == nil then
    local side = stream[packet.direction]
    waited[packet.number] = { bytes = side.bytes, is_over = side.is_over }
  end
  return waited[packet.number]
end

-- rpc(data, tree, packet, stream): the messages that end in this DATA; returns a text.
local function rpc(data, tree, packet, stream)
  local before, shown = take(packet, stream), {}
  if before.is_over then
    tree:add(fields["nexus.rpc.ignored"], data())
    return "ignored"
  end
  local buffer = data
  if before.bytes then buffer = (before.bytes .. data():bytes()):tvb("Messages, put together") end
  local is_call, at, is_over = packet.direction == stream.opener, 0, false
  while at < buffer:len() do
    local length, reason = table_of(buffer, at)
    local whole = length and length > 0 and at + length <= buffer:len()
    if length and not whole then break end
    local range = buffer(at, length or 8)
    local sub = tree:add(nexus, range, "Nexus " .. (is_call and "call" or "answer"))
    walk(range:tvb(), 0, sub, RPC_HEAD)
    if length == nil then
      sub:add_proto_expert_info(malformed, reason)
      shown[#shown + 1], is_over, at = "malformed", true, buffer:len()
      break
    end
    local message = { buffer = range:tvb(), words = length / 8 - 1, left = RPC_FOLLOWED_MAX }
    shown[#shown + 1] = attempt(is_call and call or answer, message, sub, stream) or "malformed"
    at = at + length
  end
  local piece = at < buffer:len() and buffer(at) or nil
  if piece then
    tree:add(fields["nexus.rpc.piece"], piece)
    shown[#shown + 1] = "a part of " .. piece:len() .. " bytes"
  end
  if not packet.visited then
    stream[packet.direction].bytes = piece and piece:bytes()
    stream[packet.direction].is_over = is_over
  end
  return table.concat(shown, ", ")
end

local function opened_stream(packet)
  return { opener = packet.direction, methods = {}, [0] = {}, [1] = {} }
end

-- closed(tree, packet, stream): CLOSE, which comes between two messages.
local function closed(tree, packet, stream)
  if take(packet, stream).bytes then
    tree:add_proto_expert_info(malformed, "the stream closes in the middle of a message")
  end
end

-- The names of streams, by connection and number, as OPEN gave them; made anew for each reading.
local names = {}
function nexus.init() names, messages, waited = {}, {}, {} end

local frame -- The dissection of one session frame, which DATA of a gateway stream holds again.

-- calls(buffer, tree, packet): the gateway frames in a DATA frame, if it begins with one.
local function calls(buffer, tree, packet)
  local at, texts = 0, {}
  while at < buffer:len() do
    local rest = buffer(at)
    local head = rest(0, 1):uint() == 1 and 18 or 16
    if rest:len() < head then break end
    local length = head + rest(2, 2):le_uint()
    if rest:len() < length then break end
    texts[#texts + 1] = frame(rest(0, length):tvb(), tree, packet)
    at = at + length
  end
  return table.concat(texts, ", ")
end

-- A packet is { number, visited, direction, connection }.
frame = function(buffer, tree, packet)
  if buffer:len() < 1 then
    tree:add_proto_expert_info(malformed, "an empty frame")
    return "malformed"
  end
  local kind = buffer(0, 1):uint()
  local name = TYPES[kind]
  local sub = tree:add(nexus, buffer(), "Nexus session frame: " .. (name or kind))
  sub:add(fields["nexus.type"], buffer(0, 1))
  if name == nil then
    sub:add_proto_expert_info(malformed, "no frame has type " .. kind)
    return "malformed"
  end
  local at, numbers = walk(buffer, 1, sub, FRAMES[kind])
  if at == nil then return name .. " malformed" end
  local text = name
  local key = packet.connection .. "/" .. (numbers["nexus.stream"] or "")
  if kind == 17 then
    names[key] = buffer(7, numbers["nexus.name_length"]):string()
    if names[key] == RPC_STREAM and not packet.visited then messages[key] = opened_stream(packet) end
  end
  if numbers["nexus.stream"] then
    text = text .. " " .. numbers["nexus.stream"] .. " " .. (names[key] or "?")
  end
  if kind == 1 or kind == 2 then
    local length = numbers["nexus.payload_length"]
    if at + length ~= buffer:len() then
      sub:add_proto_expert_info(malformed, "the payload's length is not that of the frame")
      return text .. " malformed"
    end
    if length > 0 then text = text .. " " .. payload(buffer(at, length):tvb(), sub) end
    return text
  end
  if kind == 19 then
    if buffer:len() == 5 then sub:add_proto_expert_info(malformed, "DATA without data") end
    if names[key] == "gateway" then
      text = text .. ": " .. calls(buffer(5):tvb(), sub, packet)
    elseif names[key] == RPC_STREAM and messages[key] and buffer:len() > 5 then
      text = text .. ": " .. rpc(buffer(5):tvb(), sub, packet, messages[key])
    end
    return text
  end
  if kind == 21 and names[key] == RPC_STREAM and messages[key] then closed(sub, packet, messages[key]) end
  ends(buffer, at, sub)
  return text
end

function nexus.dissector(buffer, pinfo, tree)
  if buffer:len() < 6 then return 0 end
  pinfo.cols.protocol = "NEXUS"
  local top = tree:add(nexus, buffer())
  top:add(fields["nexus.direction"], buffer(0, 1))
  top:add_le(fields["nexus.connection"], buffer(1, 4))
  local packet = {
    number = pinfo.number, visited = pinfo.visited,
    direction = buffer(0, 1):uint(), connection = buffer(1, 4):le_uint(),
  }
  local text = frame(buffer(5):tvb(), top, packet)
  pinfo.cols.info = (buffer(0, 1):uint() == 0 and "> " or "< ") .. text
  return buffer:len()
end

local ANNOUNCE = prepare({
  { "text4", "nexus.announce.magic", "Magic" }, { "u8", "nexus.announce.version", "Version" },
  { "u8", "nexus.announce.id_length", "Length of the id" },
  { "text", "nexus.announce.id", "Device id", nil, "nexus.announce.id_length" },
  { "be16", "nexus.announce.port", "TCP port" }, { "key", "nexus.announce.key", "Static public key" },
  { "u8", "nexus.announce.services", "Services" },
})
WIDTHS.text4 = 4
fields["nexus.announce.magic"] = ProtoField.string("nexus.announce.magic", "Magic")
define("uint8", "nexus.announce.name_length", "Length of the name")
define("string", "nexus.announce.service", "Service")

function announce.dissector(buffer, pinfo, tree)
  pinfo.cols.protocol = "NXSB"
  local sub = tree:add(nexus, buffer(), "Nexus announce")
  local at, numbers = walk(buffer, 0, sub, ANNOUNCE)
  if at == nil then
    pinfo.cols.info = "announce, malformed"
    return buffer:len()
  end
  if buffer(0, 4):string() ~= "NXSB" or buffer(4, 1):uint() ~= 1 then
    sub:add_proto_expert_info(malformed, "not an announce of version 1")
  end
  for _ = 1, numbers["nexus.announce.services"] do
    if at >= buffer:len() or at + 1 + buffer(at, 1):uint() > buffer:len() then
      sub:add_proto_expert_info(malformed, "cut short at nexus.announce.service")
      break
    end
    local length = buffer(at, 1):uint()
    sub:add(fields["nexus.announce.name_length"], buffer(at, 1))
    if length > 0 then sub:add(fields["nexus.announce.service"], buffer(at + 1, length)) end
    at = at + 1 + length
  end
  local id = buffer(6, numbers["nexus.announce.id_length"]):string()
  pinfo.cols.info = "announce of " .. id .. ", port " .. numbers["nexus.announce.port"]
  return buffer:len()
end

define("uint16", "nexus.noise.length", "Length of the message")
define("bytes", "nexus.noise.message", "Noise message")

local function noise_message(buffer, pinfo, tree)
  local length = buffer(0, 2):uint()
  local sub = tree:add(nexus, buffer(), "Nexus Noise message, " .. length .. " bytes")
  sub:add(fields["nexus.noise.length"], buffer(0, 2))
  if length == 0 then sub:add_proto_expert_info(malformed, "an empty message") end
  if length > 0 then sub:add(fields["nexus.noise.message"], buffer(2, length)) end
  return buffer:len()
end

function noise.dissector(buffer, pinfo, tree)
  pinfo.cols.protocol = "NOISE"
  dissect_tcp_pdus(buffer, tree, 2, function(tvb, _, at) return tvb(at, 2):uint() + 2 end, noise_message)
  return buffer:len()
end

local all = {}
for _, field in pairs(fields) do all[#all + 1] = field end
nexus.fields = all

-- Ports of docs/spec and of the nodes here; for others use Wireshark's "Decode As".
DissectorTable.get("udp.port"):add(37020, announce)
DissectorTable.get("tcp.port"):add("34567-34582", noise)
DissectorTable.get("wtap_encap"):add(wtap.USER0, nexus)
