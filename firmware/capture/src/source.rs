//! The boundary between whatever makes frames and everything that uses them.
//!
//! To add a source: implement [`FrameSource`] on a struct whose constructor does all that can be refused early
//! (existence, format, size), fill the caller's frame in `next`, and give it a form in
//! [`SourceSpec`](crate::SourceSpec).

use std::time::Duration;

use invdet_core::{Frame, ImageSize};

use crate::{CaptureError, TruthTarget};

/// What a call of [`FrameSource::next`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The frame was filled.
    Frame,
    /// There are no more frames; every later call says so too.
    End,
}

/// Makes frames of one size, in order.
///
/// Stamps of recorded and synthetic sources start at 0 and advance by [`frame_period`](Self::frame_period); a player
/// that wants wall time adds its own start.
// `len` is a promise about the future and may be unknown, so `is_empty` has no meaning here.
#[allow(
    clippy::len_without_is_empty,
    reason = "a source of unknown length is neither empty nor not"
)]
pub trait FrameSource: Send {
    /// Fills `frame` with the next image; its buffer is reused, so nothing is allocated here after the first call
    /// (image decoders keep working memory of their own). At [`Next::End`] and on error `frame.counts` is left empty.
    ///
    /// # Errors
    /// [`CaptureError`] naming the file or program. The call after an error goes on with the following image of a
    /// folder; a clip is at its end.
    fn next(&mut self, frame: &mut Frame) -> Result<Next, CaptureError>;

    /// Size of every frame.
    fn size(&self) -> ImageSize;

    /// Time from one frame to the next.
    fn frame_period(&self) -> Duration;

    /// Frames from start to end, where known.
    fn len(&self) -> Option<u64>;

    /// The name to show: path or SOURCE string.
    fn label(&self) -> &str;

    /// The true targets of frame `seq`; empty for sources that do not know them.
    fn truth(&self, _seq: u64) -> &[TruthTarget] {
        &[]
    }
}
