//! Finds frames in a stream of bytes.
//!
//! In: chunks of any size, with noise, cuts and damage. Out: every whole frame whose checksum is right. Refused and
//! counted: the rest. After damage the search goes on one byte behind the false start, so that a frame inside a wrong
//! guess is still found.

use crate::frame::{RawFrame, Scan, is_start, scan};

const BUFFER: usize = 1024;

/// What a [`Framer`] has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FramerCounters {
    /// Frames found.
    pub frames: u64,
    /// Places that looked like a frame but had a wrong checksum.
    pub bad_checksum: u64,
    /// Places that looked like a frame of a message outside the `common` dialect.
    pub unknown_id: u64,
    /// Bytes that belong to no frame found.
    pub skipped_bytes: u64,
}

/// The bytes not yet understood; fixed size, never allocates.
#[derive(Debug, Clone)]
pub struct Framer {
    buffer: [u8; BUFFER],
    start: usize,
    end: usize,
    counters: FramerCounters,
}

/// Whether more bytes may come to complete a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    Never,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// A framer that has seen nothing.
    pub const fn new() -> Self {
        Self {
            buffer: [0; BUFFER],
            start: 0,
            end: 0,
            counters: FramerCounters {
                frames: 0,
                bad_checksum: 0,
                unknown_id: 0,
                skipped_bytes: 0,
            },
        }
    }

    /// Totals since the start.
    pub const fn counters(&self) -> FramerCounters {
        self.counters
    }

    /// Bytes that wait for the rest of their frame.
    pub const fn pending(&self) -> usize {
        self.end - self.start
    }

    /// Takes the next bytes of the stream and calls `found` for each frame that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(RawFrame<'_>)) {
        while !bytes.is_empty() {
            // A frame is shorter than half the buffer: after a search there is always room.
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let room = bytes.len().min(BUFFER - self.end);
            let (now, later) = bytes.split_at(room);
            if let Some(free) = self.buffer.get_mut(self.end..self.end + room) {
                free.copy_from_slice(now);
            }
            self.end += room;
            bytes = later;
            self.search(More::MayCome, &mut found);
        }
    }

    /// Says that no more bytes come for what is pending (end of a datagram, silence on a line): a wrong guess that
    /// waits for more is given up, and frames behind it are found.
    pub fn finish(&mut self, mut found: impl FnMut(RawFrame<'_>)) {
        self.search(More::Never, &mut found);
    }

    fn search(&mut self, more: More, found: &mut impl FnMut(RawFrame<'_>)) {
        while let Some(bytes) = self
            .buffer
            .get(self.start..self.end)
            .filter(|bytes| !bytes.is_empty())
        {
            let skip = match scan(bytes) {
                Scan::Whole(length) => {
                    self.counters.frames += 1;
                    self.start += length;
                    if let Some(frame) = bytes.get(..length) {
                        found(RawFrame::of_whole(frame));
                    }
                    continue;
                }
                Scan::Partial if more == More::MayCome => return,
                Scan::Partial => 1,
                Scan::Noise => {
                    // From one start mark to the next.
                    1 + bytes
                        .iter()
                        .skip(1)
                        .position(|byte| is_start(*byte))
                        .unwrap_or(bytes.len() - 1)
                }
                Scan::UnknownId(_) => {
                    self.counters.unknown_id += 1;
                    1
                }
                Scan::BadChecksum => {
                    self.counters.bad_checksum += 1;
                    1
                }
            };
            self.start += skip;
            self.counters.skipped_bytes += skip as u64;
        }
    }
}
