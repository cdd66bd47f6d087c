use invdet_core::ImageSize;
use invdet_net::config::STRIDE;

use crate::{MAX_PIXELS, MIN_SIDE};

/// Why a frame, or a setting, was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DetectError {
    /// Too small to be mirrored at its edge to a multiple of the network's stride.
    #[error(
        "image is {found}, wanted at least {MIN_SIDE}x{MIN_SIDE} pixels: enlarge or leave it out"
    )]
    ImageTooSmall {
        /// Its size.
        found: ImageSize,
    },
    /// Would take gigabytes of activations.
    #[error("image is {found}, wanted at most {MAX_PIXELS} pixels: cut it into parts")]
    ImageTooLarge {
        /// Its size.
        found: ImageSize,
    },
    /// The buffer of a frame does not fit its size.
    #[error("frame is {size} but holds {found} counts, wanted {}: the source is at fault", size.pixels())]
    WrongCounts {
        /// Size that the frame claims.
        size: ImageSize,
        /// Counts that it holds.
        found: usize,
    },
    /// The model was made for grey levels of 8 bit (`normalisation = "fixed"`).
    #[error(
        "frame has counts of {found} bits, the model's fixed normalisation wants grey levels of 8 bits: use a model with robust normalisation"
    )]
    WrongBits {
        /// Significant bits of the frame.
        found: u8,
    },
    /// A threshold outside its range.
    #[error("threshold is {found}, wanted more than 0 and less than 1")]
    Threshold {
        /// What was given.
        found: f32,
    },
}

// A mirrored edge is at most one stride less one pixel wide and leaves out the edge itself.
const _: () = assert!(MIN_SIDE as usize >= STRIDE);
