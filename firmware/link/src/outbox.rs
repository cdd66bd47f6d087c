//! What waits to be sent.
//!
//! In: encoded frames with a [`Priority`]. Out: the same, oldest first. When it is full the oldest *status* frame goes;
//! acknowledgements and heartbeats stay. A heartbeat that finds an older one of the same sender takes its place: only
//! the newest is worth sending, and so a peer that takes nothing for an hour holds one place, not 3600.

use heapless::Vec;

use crate::frame::MAX_FRAME;

/// Most frames that wait: at 57 600 baud this is about a quarter of a second of tracking status.
pub const OUTBOX_FRAMES: usize = 32;

/// What may be dropped when a link is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Answers to commands: dropped only if nothing but answers waits, and then the oldest, whose sender has given up.
    Ack,
    /// Says that we live: only replaced by a newer one.
    Heartbeat,
    /// Everything else: the oldest is dropped first.
    Status,
}

#[derive(Debug, Clone)]
struct Waiting {
    priority: Priority,
    bytes: Vec<u8, MAX_FRAME>,
}

/// A bounded list of frames to send; never allocates.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    frames: Vec<Waiting, OUTBOX_FRAMES>,
    dropped: u64,
}

impl Outbox {
    /// An empty outbox.
    pub const fn new() -> Self {
        Self {
            frames: Vec::new(),
            dropped: 0,
        }
    }

    /// Frames that wait.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames lost so far for want of room, or replaced by a newer heartbeat.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The frames that wait, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Priority, &[u8])> {
        self.frames
            .iter()
            .map(|waiting| (waiting.priority, waiting.bytes.as_slice()))
    }

    /// The oldest frame.
    pub fn front(&self) -> Option<&[u8]> {
        self.frames.first().map(|waiting| waiting.bytes.as_slice())
    }

    /// Removes the oldest frame.
    pub fn pop(&mut self) {
        if !self.frames.is_empty() {
            self.frames.remove(0);
        }
    }

    /// Removes all frames, without counting them as dropped.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// Adds `frame` behind the others; see the module for what goes when there is no room. A frame longer than
    /// [`MAX_FRAME`] is none, and is dropped.
    pub fn push(&mut self, priority: Priority, frame: &[u8]) {
        let Ok(bytes) = Vec::from_slice(frame) else {
            self.dropped += 1;
            return;
        };
        if priority == Priority::Heartbeat
            && let Some(older) = self.frames.iter_mut().find(|waiting| {
                waiting.priority == Priority::Heartbeat
                    && waiting.bytes.get(5..7) == frame.get(5..7)
            })
        {
            older.bytes = bytes;
            self.dropped += 1;
            return;
        }
        if self.frames.is_full() {
            self.dropped += 1;
            let victim = self.oldest(Priority::Status).or_else(|| match priority {
                Priority::Status => None,
                Priority::Ack | Priority::Heartbeat => self.oldest(Priority::Ack),
            });
            let Some(victim) = victim else { return };
            self.frames.remove(victim);
        }
        // There is room: one frame was removed, or fewer than all places were taken.
        let _ = self.frames.push(Waiting { priority, bytes });
    }

    fn oldest(&self, priority: Priority) -> Option<usize> {
        self.frames
            .iter()
            .position(|waiting| waiting.priority == priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(outbox: &Outbox, priority: Priority) -> usize {
        outbox
            .iter()
            .filter(|(found, _)| *found == priority)
            .count()
    }

    /// A frame with `mark` as its sender and as its first payload byte.
    fn frame(sender: u8, mark: u8) -> [u8; 11] {
        [0xfd, 1, 0, 0, 0, sender, 100, 0, 0, 0, mark]
    }

    #[test]
    fn a_full_outbox_keeps_acks_and_heartbeat_and_drops_the_oldest_status() {
        let mut outbox = Outbox::new();
        for mark in 0..200 {
            outbox.push(Priority::Status, &frame(1, mark));
            if mark % 40 == 0 {
                outbox.push(Priority::Ack, &frame(1, mark));
                outbox.push(Priority::Heartbeat, &frame(1, mark));
            }
        }
        assert_eq!(outbox.len(), OUTBOX_FRAMES);
        assert_eq!(kinds(&outbox, Priority::Ack), 5);
        assert_eq!(kinds(&outbox, Priority::Heartbeat), 1);
        let marks: std::vec::Vec<u8> = outbox
            .iter()
            .filter(|(kind, _)| *kind == Priority::Status)
            .map(|(_, bytes)| bytes[10])
            .collect();
        assert_eq!(marks, (200 - 26..200).collect::<std::vec::Vec<u8>>());
        assert_eq!(outbox.dropped(), 200 - 26 + 4);
    }

    #[test]
    fn the_newest_heartbeat_replaces_the_older_of_its_sender_only() {
        let mut outbox = Outbox::new();
        outbox.push(Priority::Heartbeat, &frame(1, 1));
        outbox.push(Priority::Heartbeat, &frame(2, 2));
        outbox.push(Priority::Heartbeat, &frame(1, 3));
        let marks: std::vec::Vec<u8> = outbox.iter().map(|(_, bytes)| bytes[10]).collect();
        assert_eq!(marks, [3, 2]);
    }

    #[test]
    fn status_never_displaces_an_ack() {
        let mut outbox = Outbox::new();
        for mark in 0..OUTBOX_FRAMES as u8 {
            outbox.push(Priority::Ack, &frame(1, mark));
        }
        outbox.push(Priority::Status, &frame(1, 99));
        assert_eq!(kinds(&outbox, Priority::Ack), OUTBOX_FRAMES);
        outbox.push(Priority::Heartbeat, &frame(1, 98));
        assert_eq!(
            (
                kinds(&outbox, Priority::Ack),
                kinds(&outbox, Priority::Heartbeat)
            ),
            (OUTBOX_FRAMES - 1, 1)
        );
    }
}
