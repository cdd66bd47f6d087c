//! What the camera looks at: sky above a tree line, textured ground with warm objects below.
//!
//! In: the specification. Out: a world larger than the frame by [`MARGIN`] on each side, in counts, from which frames
//! are sampled with sub-pixel offsets, and the local spread that target contrasts are scaled with.

use invdet_core::ImageSize;

use super::exact::Random;
use super::motion::MARGIN;
use super::spec::SyntheticSpec;
use super::spectrum::pink_fields;

const CLUTTER_STREAM: u64 = 1;
const OBJECT_STREAM: u64 = 2;

// Levels in counts of a 14-bit core (about 30 counts a kelvin): cold zenith, warmer horizon, ground by day.
const ZENITH: f32 = 6450.0;
const SKY_AT_HORIZON: f32 = 6750.0;
const GROUND: f32 = 6880.0;
const CLOUD_STD: f32 = 35.0;
const GROUND_STD: f32 = 60.0;
const HORIZON_SHARE: f32 = 0.55;
const OBJECTS_PER_MEGAPIXEL: f32 = 60.0;

/// The scene in counts.
#[derive(Debug)]
pub(super) struct World {
    width: usize,
    height: usize,
    light: Vec<f32>,
}

impl World {
    /// Draws the world of a specification.
    pub(super) fn new(spec: &SyntheticSpec) -> Self {
        let size = spec.size();
        let (width, height) = (
            size.width as usize + 2 * MARGIN,
            size.height as usize + 2 * MARGIN,
        );
        let side = width.max(height).next_power_of_two();
        let [ground_field, sky_field] = pink_fields(spec.seed(), CLUTTER_STREAM, side);
        let clutter = spec.clutter() as f32;
        let horizon = MARGIN as f32 + HORIZON_SHARE * size.height as f32;
        let tree_line = |x: usize| {
            horizon
                + clutter.min(1.0) * 0.012 * size.height as f32 * sky_field.get(x).unwrap_or(&0.0)
        };
        let mut light = Vec::with_capacity(width * height);
        for y in 0..height {
            let elevation = (y as f32 / horizon).min(1.0);
            let sky_level = ZENITH + (SKY_AT_HORIZON - ZENITH) * elevation * elevation;
            for x in 0..width {
                let (cloud, texture) = (sky_field[y * side + x], ground_field[y * side + x]);
                // Clear sky is smooth, clouds are banks with an edge.
                let bank = ((cloud - 0.2) * 3.0).clamp(0.0, 1.0) * (0.6 + 0.4 * cloud);
                let sky = sky_level + clutter * CLOUD_STD * (0.35 * cloud + 1.3 * bank);
                let ground = GROUND + clutter * GROUND_STD * texture;
                let share = (y as f32 + 0.5 - tree_line(x)).clamp(0.0, 1.0);
                light.push(sky + (ground - sky) * share);
            }
        }
        let mut world = Self {
            width,
            height,
            light,
        };
        world.place_objects(spec, horizon as usize);
        world.blur();
        let scale = spec.counts_scale();
        world.light.iter_mut().for_each(|value| *value *= scale);
        world
    }

    /// Warm and cold rectangles on the ground, 2..12 px: what a careless detector takes for targets.
    fn place_objects(&mut self, spec: &SyntheticSpec, horizon: usize) {
        let mut random = Random::new(spec.seed(), OBJECT_STREAM);
        let count = (OBJECTS_PER_MEGAPIXEL * (self.width * self.height) as f32 / 1e6) as usize;
        for _ in 0..count {
            let (w, h) = (2 + random.below(11), 2 + random.below(7));
            let x = random.below(self.width.saturating_sub(w));
            let y = horizon + 2 + random.below(self.height.saturating_sub(horizon + h + 2));
            let contrast = random.between(-1.5, 3.0) * spec.clutter() * f64::from(GROUND_STD);
            for row in self.light.chunks_exact_mut(self.width).skip(y).take(h) {
                row.iter_mut()
                    .skip(x)
                    .take(w)
                    .for_each(|value| *value += contrast as f32);
            }
        }
    }

    /// The lens: (1 2 1)/4 along both axes, so that sub-pixel sampling changes sharpness little.
    fn blur(&mut self) {
        let mut line = vec![0.0; self.width.max(self.height)];
        let (width, height) = (self.width, self.height);
        for row in self.light.chunks_exact_mut(width) {
            line[..width].copy_from_slice(row);
            for x in 1..width - 1 {
                row[x] = 0.25 * (line[x - 1] + line[x + 1]) + 0.5 * line[x];
            }
        }
        for x in 0..width {
            let column = self.light.iter().skip(x).step_by(width);
            line.iter_mut()
                .zip(column)
                .for_each(|(copy, value)| *copy = *value);
            for y in 1..height - 1 {
                self.light[y * width + x] = 0.25 * (line[y - 1] + line[y + 1]) + 0.5 * line[y];
            }
        }
    }

    /// Samples the frame whose top-left corner is at `offset` (world pixels), bilinearly, into `light` (counts).
    pub(super) fn look(&self, offset: (f64, f64), size: ImageSize, light: &mut [f32]) {
        let (left, top) = (offset.0.floor(), offset.1.floor());
        let (right_share, lower_share) = ((offset.0 - left) as f32, (offset.1 - top) as f32);
        let (left, top) = (left as usize, top as usize);
        let weights = [
            (1.0 - right_share) * (1.0 - lower_share),
            right_share * (1.0 - lower_share),
            (1.0 - right_share) * lower_share,
            right_share * lower_share,
        ];
        let width = size.width as usize;
        for (y, out) in light.chunks_exact_mut(width).enumerate() {
            let start = (top + y) * self.width + left;
            // The drift stays within the margin, so both rows exist; `get` keeps that from being a promise of panics.
            let (Some(upper), Some(lower)) = (
                self.light.get(start..start + width + 1),
                self.light
                    .get(start + self.width..start + self.width + width + 1),
            ) else {
                continue;
            };
            for (((value, a), b), (c, d)) in out
                .iter_mut()
                .zip(upper)
                .zip(&upper[1..])
                .zip(lower.iter().zip(&lower[1..]))
            {
                *value = weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d;
            }
        }
    }

    /// Sums for the local spread; large, so made once and dropped.
    pub(super) fn spread(&self) -> Spread {
        let stride = self.width + 1;
        let mean = self.light.iter().map(|v| f64::from(*v)).sum::<f64>() / self.light.len() as f64;
        let mut sums = vec![[0.0; 2]; stride * (self.height + 1)];
        for (y, row) in self.light.chunks_exact(self.width).enumerate() {
            let mut run = [0.0; 2];
            for (x, value) in row.iter().enumerate() {
                // About the mean, so that the squares keep their digits.
                let centred = f64::from(*value) - mean;
                run = [run[0] + centred, run[1] + centred * centred];
                let above = sums[y * stride + x + 1];
                sums[(y + 1) * stride + x + 1] = [above[0] + run[0], above[1] + run[1]];
            }
        }
        Spread {
            width: self.width,
            height: self.height,
            sums,
        }
    }
}

/// Local variance of the world in constant time, by summed areas.
#[derive(Debug)]
pub(super) struct Spread {
    width: usize,
    height: usize,
    sums: Vec<[f64; 2]>,
}

impl Spread {
    /// Variance (counts squared) within 10 px around a box of `w` x `h` at `(x, y)`, world pixels, without the box.
    pub(super) fn around(&self, x: f64, y: f64, w: f64, h: f64) -> f64 {
        let inner = self.sum_of(x, y, w, h);
        let outer = self.sum_of(x, y, w + 20.0, h + 20.0);
        let area = (outer.0 - inner.0).max(1.0);
        let mean = (outer.1[0] - inner.1[0]) / area;
        ((outer.1[1] - inner.1[1]) / area - mean * mean).max(0.0)
    }

    /// Area and sums of the pixels whose centres are in the box.
    fn sum_of(&self, x: f64, y: f64, w: f64, h: f64) -> (f64, [f64; 2]) {
        let edge = |value: f64, end: usize| value.round().clamp(0.0, end as f64) as usize;
        let (left, right) = (edge(x - w / 2.0, self.width), edge(x + w / 2.0, self.width));
        let (top, bottom) = (
            edge(y - h / 2.0, self.height),
            edge(y + h / 2.0, self.height),
        );
        let at = |x: usize, y: usize| self.sums[y * (self.width + 1) + x];
        let (a, b, c, d) = (
            at(left, top),
            at(right, top),
            at(left, bottom),
            at(right, bottom),
        );
        let area = (right - left) as f64 * (bottom - top) as f64;
        (area, [d[0] - b[0] - c[0] + a[0], d[1] - b[1] - c[1] + a[1]])
    }
}
