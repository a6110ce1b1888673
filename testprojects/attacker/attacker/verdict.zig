//! How an attack ended. The name is what the line about it says.

pub const Verdict = enum { refused, SUCCEEDED };
