//! Counts to the network's input.
//!
//! In: a frame. Out: normalised values on the padded plane; right and bottom edge are mirrored without repeating the
//! edge itself (NumPy's `reflect`). Refused: see [`check`].

use invdet_core::{Frame, ImageSize};
use invdet_cpu::planes::Planes;
use invdet_net::manifest::Input;
use invdet_net::normalise::{Affine, Robust};

use crate::DetectError;

/// Least columns and rows of an image.
pub const MIN_SIDE: u32 = 16;

/// Most pixels of an image (4096x4096).
pub const MAX_PIXELS: usize = 1 << 24;

/// Refuses sizes that the network cannot take.
pub(crate) fn check_size(size: ImageSize) -> Result<(), DetectError> {
    if size.width < MIN_SIDE || size.height < MIN_SIDE {
        return Err(DetectError::ImageTooSmall { found: size });
    }
    if size.pixels() > MAX_PIXELS {
        return Err(DetectError::ImageTooLarge { found: size });
    }
    Ok(())
}

/// Refuses frames that the network cannot take.
pub(crate) fn check(frame: &Frame, input: Input) -> Result<(), DetectError> {
    check_size(frame.size)?;
    if frame.counts.len() != frame.size.pixels() {
        return Err(DetectError::WrongCounts {
            size: frame.size,
            found: frame.counts.len(),
        });
    }
    match input {
        Input::Fixed { .. } if frame.bits != 8 => Err(DetectError::WrongBits { found: frame.bits }),
        Input::Fixed { .. } | Input::Robust => Ok(()),
    }
}

/// The map from counts to input values for one frame.
pub(crate) fn affine(input: Input, robust: &mut Robust, counts: &[u16]) -> Affine {
    match input {
        Input::Robust => robust.measure(counts),
        Input::Fixed { mean, std } => Affine {
            median: mean,
            scale: std,
        },
    }
}

/// Fills the whole plane; `frame` has been [`check`]ed and `plane` is its size rounded up to the stride.
pub(crate) fn fill(plane: &mut Planes, frame: &Frame, affine: Affine) {
    let (w, h) = (frame.size.width as usize, frame.size.height as usize);
    for y in 0..plane.geometry().h {
        let source = mirrored(y, h);
        let row = plane.row_mut(0, 0, y);
        affine.apply_to(&frame.counts[source * w..(source + 1) * w], row);
        for x in w..row.len() {
            row[x] = row[mirrored(x, w)];
        }
    }
}

/// Where the value at `index` comes from along an axis of `length`.
const fn mirrored(index: usize, length: usize) -> usize {
    if index < length {
        index
    } else {
        2 * length - 2 - index
    }
}

#[cfg(test)]
mod tests {
    use invdet_cpu::planes::Geometry;

    use super::*;

    #[test]
    fn padding_mirrors_without_repeating_the_edge() {
        // As numpy.pad(mode="reflect").
        let columns: Vec<usize> = (16..31).map(|x| mirrored(x, 16)).collect();
        assert_eq!(columns, (0..15).rev().collect::<Vec<_>>());
        assert_eq!(mirrored(17, 17), 15);
    }

    #[test]
    fn every_pixel_of_the_padded_plane_is_written() {
        let size = ImageSize::new(17, 18);
        let counts: Vec<u16> = (0..size.pixels() as u16).collect();
        let frame = Frame {
            size,
            counts,
            bits: 16,
            ..Frame::default()
        };
        let mut plane = Planes::zeros(1, 1, Geometry::new(32, 32));
        plane.fill_from(&[f32::NAN; 32 * 32]);
        let one_to_one = Affine {
            median: 0.0,
            scale: 1000.0,
        };
        fill(&mut plane, &frame, one_to_one);
        let at = |x: usize, y: usize| plane.row(0, 0, y)[x];
        assert!(plane.to_dense().iter().all(|v| v.is_finite()));
        assert_eq!(at(16, 17), one_to_one.apply(17 * 17 + 16));
        assert_eq!(at(17, 3), at(15, 3));
        assert_eq!(at(31, 31), at(1, 3));
        assert_eq!(at(5, 18), at(5, 16));
        assert!(plane.padding_is_zero());
    }
}
