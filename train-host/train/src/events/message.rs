//! The three kinds of `tensorflow.Event` that we write, as protobuf.
//!
//! Fields and numbers from TensorFlow's `event.proto` and `summary.proto`: `Event { double wall_time = 1; int64 step = 2;
//! string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }`, `Summary { repeated Value value = 1; }`,
//! `Value { string tag = 1; float simple_value = 2; }`, `SessionLog { SessionStatus status = 1; }` with `START = 1`.
//! Written out by hand: eight fields of four kinds need no code generator.

use super::Scalar;

/// Kind of a field, the lowest three bits of its key.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// An event, its time in seconds since 1970 UTC.
#[derive(Debug)]
pub(super) struct Event {
    encoded: Vec<u8>,
}

impl Event {
    /// The first of every file.
    pub(super) fn version(seconds: f64) -> Self {
        Self::new(0, seconds, |bytes| field(bytes, 3, b"brain.Event:2"))
    }

    /// Steps from `step` on, as far as older files have them, are void.
    pub(super) fn session_start(step: u64, seconds: f64) -> Self {
        let mut log = Vec::new();
        key(&mut log, 1, Wire::Varint);
        varint(&mut log, 1);
        Self::new(step, seconds, |bytes| field(bytes, 7, &log))
    }

    /// Numbers of a step.
    pub(super) fn scalars(step: u64, seconds: f64, values: &[Scalar]) -> Self {
        let mut summary = Vec::new();
        for (tag, number) in values {
            let mut value = Vec::new();
            field(&mut value, 1, tag.as_bytes());
            key(&mut value, 2, Wire::Fixed32);
            value.extend((*number as f32).to_le_bytes());
            field(&mut summary, 1, &value);
        }
        Self::new(step, seconds, |bytes| field(bytes, 5, &summary))
    }

    fn new(step: u64, seconds: f64, what: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut encoded = Vec::new();
        key(&mut encoded, 1, Wire::Fixed64);
        encoded.extend(seconds.to_le_bytes());
        key(&mut encoded, 2, Wire::Varint);
        varint(&mut encoded, step);
        what(&mut encoded);
        Self { encoded }
    }

    /// The message.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

fn key(bytes: &mut Vec<u8>, number: u64, wire: Wire) {
    varint(bytes, number << 3 | wire as u64);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A string or an embedded message.
fn field(bytes: &mut Vec<u8>, number: u64, content: &[u8]) {
    key(bytes, number, Wire::Bytes);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}
