//! Small pictures for comparing images.
//!
//! * In: grey counts of any size.
//! * Out: 32x32 means of equal areas, without mean and of unit length, so that a dot product is a correlation.
//! * Refuses flat images: they correlate with nothing.

use invdet_core::ImageSize;

const SIDE: usize = 32;

/// A standardised 32x32 picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thumbnail(Vec<f32>);

impl Thumbnail {
    /// `None` for flat or empty images.
    pub(crate) fn of(counts: &[u16], size: ImageSize) -> Option<Self> {
        let width = size.width as usize;
        if width == 0 || counts.len() < size.pixels() {
            return None;
        }
        let columns = shares(width);
        let mut sums = vec![0.0f64; SIDE * SIDE];
        for (weights, counts) in shares(size.height as usize)
            .iter()
            .zip(counts.chunks_exact(width))
        {
            let mut line = [0.0f64; SIDE];
            for (share, &count) in columns.iter().zip(counts) {
                for &(cell, weight) in share {
                    line[cell] += weight * f64::from(count);
                }
            }
            for &(cell_row, weight) in weights {
                for (sum, part) in sums[cell_row * SIDE..].iter_mut().zip(&line) {
                    *sum += weight * part;
                }
            }
        }
        let mean = sums.iter().sum::<f64>() / sums.len() as f64;
        let length = sums
            .iter()
            .map(|sum| (sum - mean).powi(2))
            .sum::<f64>()
            .sqrt();
        // Rounding leaves about 1e-12 of the level on flat images.
        if length <= 1e-9 * (1.0 + mean.abs()) {
            return None;
        }
        Some(Self(
            sums.iter()
                .map(|sum| ((sum - mean) / length) as f32)
                .collect(),
        ))
    }

    /// Correlation coefficient of two thumbnails, -1..=1.
    pub(crate) fn correlation(&self, other: &Self) -> f32 {
        // Eight running sums, so that the additions need not wait for each other.
        let mut sums = [0.0f32; 8];
        for (a, b) in self.0.chunks_exact(8).zip(other.0.chunks_exact(8)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        sums.iter().sum()
    }
}

/// For each of `length` pixels the cells of a row of 32 that it covers, with the covered part of the pixel.
fn shares(length: usize) -> Vec<Vec<(usize, f64)>> {
    let cells_per_pixel = SIDE as f64 / length as f64;
    let share = |pixel: usize| {
        let (start, end) = (
            pixel as f64 * cells_per_pixel,
            (pixel + 1) as f64 * cells_per_pixel,
        );
        let cells = start as usize..(end.ceil() as usize).min(SIDE);
        cells
            .map(|cell| {
                (
                    cell,
                    (end.min(cell as f64 + 1.0) - start.max(cell as f64)).max(0.0),
                )
            })
            .collect()
    };
    (0..length).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: u32, height: u32, gain: u16) -> (Vec<u16>, ImageSize) {
        let at = |x: u32, y: u32| (x * 1000 / width + y * 500 / height) as u16 * gain + 7;
        let counts = (0..height)
            .flat_map(|y| (0..width).map(move |x| at(x, y)))
            .collect();
        (counts, ImageSize::new(width, height))
    }

    fn thumbnail((counts, size): (Vec<u16>, ImageSize)) -> Thumbnail {
        Thumbnail::of(&counts, size).unwrap()
    }

    #[test]
    fn size_and_gain_do_not_matter() {
        let native = thumbnail(ramp(135, 96, 1));
        let larger = thumbnail(ramp(456, 278, 3));
        assert!(native.correlation(&larger) > 0.999);
        assert!((native.correlation(&native) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn opposite_images_correlate_negatively() {
        let (counts, size) = ramp(64, 64, 1);
        let negative: Vec<u16> = counts.iter().map(|c| 2000 - c).collect();
        let correlation = thumbnail((counts, size)).correlation(&thumbnail((negative, size)));
        assert!((correlation + 1.0).abs() < 1e-5, "{correlation}");
    }

    #[test]
    fn image_smaller_than_the_thumbnail_is_stretched() {
        let counts = [0u16, 10, 0, 10];
        assert!(Thumbnail::of(&counts, ImageSize::new(2, 2)).is_some());
    }

    #[test]
    fn flat_image_has_no_thumbnail() {
        assert_eq!(
            Thumbnail::of(&vec![6743; 333 * 77], ImageSize::new(333, 77)),
            None
        );
        assert_eq!(Thumbnail::of(&[], ImageSize::new(0, 0)), None);
    }
}
