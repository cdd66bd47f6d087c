//! The sending side of a byte stream: frames stay whole although writes do not.
//!
//! In: frames. Out: bytes, in order, as many as the writer takes. Refused: a second frame while one is half written.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::Sent;
use crate::frame::MAX_FRAME;

/// A peer that takes nothing for so long is given up: TCP alone would wait for a quarter of an hour.
pub(super) const STALLED: Duration = Duration::from_secs(10);

/// The rest of the frame that is half written.
#[derive(Debug, Default)]
pub(super) struct Tail {
    rest: heapless::Vec<u8, MAX_FRAME>,
    stuck_since: Option<Instant>,
}

/// Whether an error only says "not now".
pub(super) fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

impl Tail {
    /// Forgets the half frame: the connection is another one now.
    pub(super) fn clear(&mut self) {
        self.rest.clear();
        self.stuck_since = None;
    }

    /// Whether the writer has taken nothing for [`STALLED`].
    pub(super) fn is_stalled(&self) -> bool {
        self.stuck_since
            .is_some_and(|since| since.elapsed() > STALLED)
    }

    /// Writes as much as `writer` takes of the half frame.
    pub(super) fn flush(&mut self, writer: &mut impl Write) -> io::Result<Sent> {
        if self.rest.is_empty() {
            return Ok(Sent::Taken);
        }
        let taken = write_some(writer, &self.rest)?;
        self.note(taken);
        let left = self.rest.len() - taken;
        self.rest.copy_within(taken.., 0);
        self.rest.truncate(left);
        Ok(if left == 0 { Sent::Taken } else { Sent::Busy })
    }

    /// Writes `frame` behind the half frame, or nothing of it.
    pub(super) fn send(&mut self, writer: &mut impl Write, frame: &[u8]) -> io::Result<Sent> {
        if self.flush(writer)? != Sent::Taken {
            return Ok(Sent::Busy);
        }
        let taken = write_some(writer, frame)?;
        self.note(taken);
        if taken == 0 {
            return Ok(Sent::Busy);
        }
        self.rest.clear();
        let rest = frame.get(taken..).unwrap_or(&[]);
        // Frames are at most MAX_FRAME long; a longer one would be cut here, and its receiver would skip it.
        self.rest.extend(rest.iter().copied().take(MAX_FRAME));
        Ok(Sent::Taken)
    }

    fn note(&mut self, taken: usize) {
        if taken > 0 {
            self.stuck_since = None;
        } else {
            self.stuck_since.get_or_insert_with(Instant::now);
        }
    }
}

fn write_some(writer: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    match writer.write(bytes) {
        Ok(taken) => Ok(taken.min(bytes.len())),
        Err(error) if is_not_now(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `room` bytes, then says "not now".
    struct Narrow {
        room: usize,
        written: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn frames_stay_whole_and_in_order_through_partial_writes() {
        let mut tail = Tail::default();
        let mut narrow = Narrow {
            room: 5,
            written: Vec::new(),
        };
        assert_eq!(tail.send(&mut narrow, b"abcdefgh").unwrap(), Sent::Taken);
        assert_eq!(tail.send(&mut narrow, b"12345678").unwrap(), Sent::Busy);
        narrow.room = 2;
        assert_eq!(tail.send(&mut narrow, b"12345678").unwrap(), Sent::Busy);
        narrow.room = 4;
        assert_eq!(tail.send(&mut narrow, b"12345678").unwrap(), Sent::Taken);
        narrow.room = 100;
        assert_eq!(tail.flush(&mut narrow).unwrap(), Sent::Taken);
        assert_eq!(narrow.written, b"abcdefgh12345678");
    }
}
