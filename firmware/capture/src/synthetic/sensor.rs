//! What the sensor adds to the light: fixed pattern, temporal noise, bad pixels, rounding.
//!
//! In: light in counts and the frame's number. Out: integer counts of the given bits. Noise of frame `n` depends on
//! the seed and `n` alone.

use super::exact::Random;
use super::spec::SyntheticSpec;

const PATTERN_STREAM: u64 = 3;
const BAD_PIXEL_STREAM: u64 = 4;
const NOISE_STREAM: u64 = 5;
const ROW_STREAM: u64 = 6;

// Standard deviations in counts of a 14-bit core: temporal noise of 50 mK at about 80 counts a kelvin is 4; what a
// flat-field correction leaves of column, row and pixel pattern is of the same order.
const NOISE_STD: f32 = 4.0;
const COLUMN_STD: f32 = 3.0;
const ROW_STD: f32 = 1.5;
const PIXEL_STD: f32 = 2.0;
/// About ten at 640x512: what is left when the camera's own map has replaced those known to its maker.
const BAD_PIXELS_PER_MILLION: usize = 30;
/// Noise values drawn once; each row of each frame starts somewhere else among them.
const NOISE_VALUES: usize = 1 << 17;

/// The imperfect sensor.
#[derive(Debug)]
pub(super) struct Sensor {
    seed: u64,
    width: usize,
    scale: f32,
    top: f32,
    pattern: Vec<f32>,
    noise: Vec<f32>,
    /// Index of the pixel and the count it is stuck at.
    bad: Vec<(usize, u16)>,
}

impl Sensor {
    /// The sensor of a specification.
    pub(super) fn new(spec: &SyntheticSpec) -> Self {
        let (width, height) = (spec.size().width as usize, spec.size().height as usize);
        let scale = spec.counts_scale();
        let top = f32::from(u16::MAX >> (16 - u32::from(spec.bits()).min(16)));
        let mut random = Random::new(spec.seed(), PATTERN_STREAM);
        let columns: Vec<f32> = (0..width)
            .map(|_| random.normal() * COLUMN_STD * scale)
            .collect();
        let mut pattern = Vec::with_capacity(width * height);
        for _ in 0..height {
            let row = random.normal() * ROW_STD * scale;
            pattern.extend(
                columns
                    .iter()
                    .map(|column| column + row + random.normal() * PIXEL_STD * scale),
            );
        }
        let mut random = Random::new(spec.seed(), NOISE_STREAM);
        let noise = (0..NOISE_VALUES + width)
            .map(|_| random.normal() * NOISE_STD * scale)
            .collect();
        let mut random = Random::new(spec.seed(), BAD_PIXEL_STREAM);
        let bad = (0..width * height * BAD_PIXELS_PER_MILLION / 1_000_000)
            .map(|_| {
                let index = random.below(width * height);
                let stuck = if random.bits() & 1 == 0 {
                    0.0
                } else {
                    top * random.between(0.6, 1.0) as f32
                };
                (index, stuck as u16)
            })
            .collect();
        Self {
            seed: spec.seed(),
            width,
            scale,
            top,
            pattern,
            noise,
            bad,
        }
    }

    /// Variance of pattern and noise together, counts squared.
    pub(super) fn variance(&self, seconds_since_shutter: f64) -> f64 {
        let share = pattern_share(seconds_since_shutter);
        let pattern = COLUMN_STD * COLUMN_STD + ROW_STD * ROW_STD + PIXEL_STD * PIXEL_STD;
        f64::from(self.scale * self.scale)
            * f64::from(NOISE_STD * NOISE_STD + pattern * share * share)
    }

    /// Turns light into counts.
    pub(super) fn read_out(
        &self,
        seq: u64,
        seconds_since_shutter: f64,
        light: &[f32],
        counts: &mut [u16],
    ) {
        let share = pattern_share(seconds_since_shutter);
        let mut random = Random::new(
            self.seed ^ seq.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ROW_STREAM,
        );
        let rows = counts
            .chunks_exact_mut(self.width)
            .zip(light.chunks_exact(self.width));
        for ((out, light), pattern) in rows.zip(self.pattern.chunks_exact(self.width)) {
            let noise = &self.noise[random.below(NOISE_VALUES)..];
            for (((count, light), pattern), noise) in
                out.iter_mut().zip(light).zip(pattern).zip(noise)
            {
                *count = (light + pattern * share + noise + 0.5).clamp(0.0, self.top) as u16;
            }
        }
        for &(index, stuck) in &self.bad {
            if let Some(count) = counts.get_mut(index) {
                *count = stuck;
            }
        }
    }

    /// Whether a bad pixel lies within `radius` px of `(x, y)`.
    #[cfg(test)]
    pub(super) fn is_bad_near(&self, x: f32, y: f32, radius: f32) -> bool {
        self.bad.iter().any(|&(index, _)| {
            let (column, row) = (
                (index % self.width) as f32 + 0.5,
                (index / self.width) as f32 + 0.5,
            );
            (column - x).abs() < radius && (row - y).abs() < radius
        })
    }
}

/// A correction leaves 40 % of the pattern; it grows back to the whole, half of it in 30 s.
fn pattern_share(seconds_since_shutter: f64) -> f32 {
    (0.4 + 0.6 * seconds_since_shutter / (seconds_since_shutter + 30.0)) as f32
}
