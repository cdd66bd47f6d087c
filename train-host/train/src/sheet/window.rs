//! The part of an image that is shown, and how its counts become greys.

use invdet_core::ImageSize;
use invdet_data::Sample;

/// The shown part of an image, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Window {
    /// `side` pixels around `at`, moved inside the image; all of an image that is smaller.
    pub(crate) fn around((x, y): (f64, f64), side: u32, size: ImageSize) -> Self {
        let start = |at: f64, length: u32| {
            let last = length.saturating_sub(side);
            ((at - 0.5 * f64::from(side)).clamp(0.0, f64::from(last)) as u32).min(last)
        };
        Self {
            x: start(x, size.width),
            y: start(y, size.height),
            width: size.width.min(side),
            height: size.height.min(side),
        }
    }

    pub(crate) fn contains(&self, x: f64, y: f64) -> bool {
        (f64::from(self.x)..=f64::from(self.x + self.width)).contains(&x)
            && (f64::from(self.y)..=f64::from(self.y + self.height)).contains(&y)
    }

    /// Grey level of a count: black to white are all counts of the part but the darkest 1 % and the brightest 0.1 %,
    /// which may be the targets.
    pub(crate) fn greys(&self, sample: &Sample) -> impl Fn(u16) -> u8 + use<> {
        let row = |y: u32| {
            let start = ((self.y + y) * sample.size.width + self.x) as usize;
            sample
                .counts
                .get(start..start + self.width as usize)
                .unwrap_or(&[])
        };
        let mut counts: Vec<u16> = (0..self.height).flat_map(row).copied().collect();
        counts.sort_unstable();
        let at = |share: f64| {
            counts
                .get((share * counts.len() as f64) as usize)
                .or(counts.last())
                .copied()
                .unwrap_or(0)
        };
        let (low, high) = (at(0.01), at(0.999));
        let scale = 255.0 / f32::from(high - low).max(1.0);
        move |count| (f32::from(count.saturating_sub(low)) * scale).min(255.0) as u8
    }
}
