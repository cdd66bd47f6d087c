//! Where a crop lies in its source image, and how the source is sampled there.
//!
//! Crop pixel `i` covers source coordinates `[origin + i / scale, origin + (i + 1) / scale)`. Outside the image the
//! source is continued by reflection about its outermost pixel centres, image and mask alike.

use invdet_metrics::components::label_where;
use invdet_net::normalise::Affine;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Sample, TARGET_ABOVE};

/// A square part of a source image, resampled to `side` pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Side of the crop, crop pixels.
    pub(super) side: u32,
    /// Crop pixels per source pixel; 1 exactly where there is no rescale.
    pub(super) scale: f32,
    /// Left edge, source pixels; whole where `scale` is 1.
    pub(super) left: f32,
    /// Top edge, source pixels; whole where `scale` is 1.
    pub(super) top: f32,
}

/// Where one crop column (or row) reads the source: two neighbours and the weight of the second.
#[derive(Debug, Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Window {
    /// Draws a place: around a random target with `target_prob`, else anywhere. Stays within the image as far as it fits.
    pub(super) fn draw(
        sample: &Sample,
        side: u32,
        scale: f32,
        target_prob: f32,
        jitter: f32,
        rng: &mut Pcg64Mcg,
    ) -> Self {
        let span = side as f32 / scale;
        let slack = [
            sample.size.width as f32 - span,
            sample.size.height as f32 - span,
        ];
        let around_target = super::chance(rng, target_prob) && !sample.targets.is_empty();
        let target = if around_target {
            sample
                .targets
                .get(rng.random_range(0..sample.targets.len()))
        } else {
            None
        };
        let mut origin = |center: Option<f32>, slack: f32| {
            let wanted = match center {
                Some(center) => center - span / 2.0 + super::uniform(rng, [-jitter, jitter]) * span,
                None => super::uniform(rng, [0.0, 1.0]) * slack,
            };
            let inside = wanted.clamp(slack.min(0.0), slack.max(0.0));
            if scale == 1.0 { inside.round() } else { inside }
        };
        let left = origin(target.map(|t| t.x), slack[0]);
        let top = origin(target.map(|t| t.y), slack[1]);
        Self {
            side,
            scale,
            left,
            top,
        }
    }

    /// Normalised, unclipped values: copied at scale 1, else bilinear.
    pub(super) fn image(&self, sample: &Sample, affine: Affine) -> Vec<f32> {
        let columns = self.taps(self.left, sample.size.width);
        let rows = self.taps(self.top, sample.size.height);
        let width = sample.size.width as usize;
        let row_of = |row: usize| {
            sample
                .counts
                .get(row * width..(row + 1) * width)
                .unwrap_or(&[])
        };
        let mut image = Vec::with_capacity(self.side as usize * self.side as usize);
        for row in &rows {
            let (above, below) = (row_of(row.first), row_of(row.second));
            let at =
                |row: &[u16], column: usize| row.get(column).map_or(0.0, |&count| f32::from(count));
            if self.scale == 1.0 {
                image.extend(
                    columns
                        .iter()
                        .map(|c| (at(above, c.first) - affine.median) / affine.scale),
                );
            } else {
                image.extend(columns.iter().map(|c| {
                    let upper =
                        at(above, c.first) * (1.0 - c.weight) + at(above, c.second) * c.weight;
                    let lower =
                        at(below, c.first) * (1.0 - c.weight) + at(below, c.second) * c.weight;
                    let count = upper * (1.0 - row.weight) + lower * row.weight;
                    (count - affine.median) / affine.scale
                }));
            }
        }
        image
    }

    /// The mask as 0 and 1: by nearest pixel where the image is enlarged, by covered area where it shrinks.
    pub(super) fn mask(&self, sample: &Sample) -> Vec<u8> {
        if self.scale < 1.0 {
            self.shrunk_mask(sample)
        } else {
            self.nearest_mask(sample)
        }
    }

    fn nearest_mask(&self, sample: &Sample) -> Vec<u8> {
        let columns = self.nearest(self.left, sample.size.width);
        let width = sample.size.width as usize;
        let mut mask = Vec::with_capacity(self.side as usize * self.side as usize);
        for row in self.nearest(self.top, sample.size.height) {
            let source = sample
                .mask
                .get(row * width..(row + 1) * width)
                .unwrap_or(&[]);
            mask.extend(
                columns
                    .iter()
                    .map(|&c| u8::from(source.get(c).is_some_and(|&v| v > TARGET_ABOVE))),
            );
        }
        mask
    }

    /// A pixel is of the target where at least half of it is covered. Components that cover less than 1 px of the crop
    /// are dropped; of each other one at least the best covered pixel stays.
    fn shrunk_mask(&self, sample: &Sample) -> Vec<u8> {
        // The same place at source resolution, widened to whole source pixels.
        let stride = (self.side as f32 / self.scale).ceil() as u32 + 1;
        let native = Window {
            side: stride,
            scale: 1.0,
            left: self.left.floor(),
            top: self.top.floor(),
        };
        let source = native.nearest_mask(sample);
        let mut runs = label_where(&source, stride, stride, |value| value != 0).runs;
        runs.sort_by_key(|run| run.component);

        let side = self.side as usize;
        let mut covered = vec![0.0f32; side * side];
        let mut best_covered = Vec::new();
        let mut of_component: Vec<(usize, f32)> = Vec::new();
        // Crop coordinate of an edge between source pixels.
        let place = |edge: u32, native: f32, own: f32| (edge as f32 + native - own) * self.scale;
        for runs in runs.chunk_by(|a, b| a.component == b.component) {
            of_component.clear();
            for run in runs {
                let top = place(run.y, native.top, self.top);
                let left = place(run.start, native.left, self.left);
                let right = place(run.end, native.left, self.left);
                for (row, high) in overlaps(top, top + self.scale, side) {
                    let columns = overlaps(left, right, side);
                    of_component
                        .extend(columns.map(|(column, wide)| (row * side + column, high * wide)));
                }
            }
            // Sums of rounded parts: an area of exactly 1 px must not fall to the wrong side.
            if of_component.iter().map(|(_, cover)| cover).sum::<f32>() < 0.999 {
                continue;
            }
            for &(at, cover) in &of_component {
                if let Some(sum) = covered.get_mut(at) {
                    *sum += cover;
                }
            }
            let sum = |at: usize| covered.get(at).copied().unwrap_or(0.0);
            let touched = of_component.iter().map(|&(at, _)| at);
            best_covered.extend(touched.max_by(|&a, &b| sum(a).total_cmp(&sum(b))));
        }
        let mut mask: Vec<u8> = covered
            .iter()
            .map(|&cover| u8::from(cover >= 0.5))
            .collect();
        for at in best_covered {
            if let Some(pixel) = mask.get_mut(at) {
                *pixel = 1;
            }
        }
        mask
    }

    fn taps(&self, origin: f32, length: u32) -> Vec<Tap> {
        (0..self.side)
            .map(|i| {
                // Coordinates of pixel centres, less the half that `[i, i + 1)` puts them off whole numbers.
                let at = if self.scale == 1.0 {
                    origin + i as f32
                } else {
                    origin + (i as f32 + 0.5) / self.scale - 0.5
                };
                let whole = at.floor();
                let first = reflect(whole as i64, length);
                let second = reflect(whole as i64 + 1, length);
                Tap {
                    first,
                    second,
                    weight: at - whole,
                }
            })
            .collect()
    }

    fn nearest(&self, origin: f32, length: u32) -> Vec<usize> {
        let at = |i: u32| (origin + (i as f32 + 0.5) / self.scale).floor();
        (0..self.side)
            .map(|i| reflect(at(i) as i64, length))
            .collect()
    }
}

/// The pixels that `[start, end)` touches within `0..side`, each with the covered length.
fn overlaps(start: f32, end: f32, side: usize) -> impl Iterator<Item = (usize, f32)> + Clone {
    let end = end.min(side as f32);
    let start = start.max(0.0);
    let (first, last) = (start.floor() as usize, end.max(0.0).ceil() as usize);
    (first..last).filter_map(move |pixel| {
        let length = end.min(pixel as f32 + 1.0) - start.max(pixel as f32);
        (length > 0.0).then_some((pixel, length))
    })
}

/// Index within `0..length` after reflection about the first and the last pixel (`... 2 1 0 1 2 ...`).
pub(super) fn reflect(index: i64, length: u32) -> usize {
    if length < 2 {
        return 0;
    }
    let last = i64::from(length) - 1;
    let folded = index.rem_euclid(2 * last);
    (if folded > last {
        2 * last - folded
    } else {
        folded
    }) as usize
}
