//! GCTM, the geometry-and-content tolerance measure: how well a prediction covers its target, from 0 to 1.
//!
//! ```text
//! S_geo  = exp(-(d_c / t_center)^2 - (|A_pr - A_gt| / t_area)^2),  t_center = sqrt(w_gt^2 + h_gt^2),  t_area = A_gt
//! S_gray = BC(P_gt, P_pr) / t_gray,                                t_gray = LSNR(P_gt) / (1 + H_bg) + eps
//! lambda = sigmoid(S_geo / tau),                                   GCTM = lambda S_geo + (1 - lambda) S_gray
//! ```
//!
//! (paper, GCTM). Areas are those of boxes on both sides. BC is the Bhattacharyya coefficient of soft grey histograms, LSNR
//! the local signal-to-noise ratio, H_bg the entropy of the surroundings. Grey levels are those of an eight-bit image.

use super::pairing::{Matching, Prediction};
use crate::loss::Truth;
use invdet_cpu::planes::Planes;
use invdet_data::Target;
use serde::{Deserialize, Serialize};

/// Form of the local signal-to-noise ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lsnr {
    /// `|mu_t - mu_b| / (sigma_b + 1 grey level)`, at most 10.
    #[default]
    Scr,
    /// Largest grey of the target by largest grey of the ring, at most 10.
    Ratio,
}

/// What the score means for the tolerance map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Well predicted targets weigh most.
    #[default]
    Score,
    /// Badly predicted targets weigh most.
    Inverse,
}

/// Settings of GCTM and of the tolerance map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GctmConfig {
    /// Temperature of `lambda`.
    pub tau: f32,
    /// Added to `t_gray`.
    pub eps: f32,
    /// Bins of the grey histograms.
    pub bins: usize,
    /// Smallest `t_gray`.
    pub t_gray_min: f32,
    /// See [`Lsnr`].
    pub lsnr: Lsnr,
    /// Width of the ring around a box, pixels.
    pub ring: f32,
    /// Standard deviation of a target in the map, fraction of its size.
    pub kappa: f32,
    /// Smallest standard deviation of a target in the map, pixels.
    pub sigma_min: f32,
    /// `W` where there is no target.
    pub w_bg: f32,
    /// See [`Matching`].
    pub matching: Matching,
    /// Least weight of a target at the start, and after the ramp of TARM.
    pub floor: [f32; 2],
    /// See [`Weight`].
    pub weight: Weight,
}

impl Default for GctmConfig {
    fn default() -> Self {
        Self {
            tau: 0.5,
            eps: 1e-6,
            bins: 16,
            t_gray_min: 0.2,
            lsnr: Lsnr::default(),
            ring: 8.0,
            kappa: 0.5,
            sigma_min: 1.0,
            w_bg: 0.02,
            matching: Matching::default(),
            floor: [1.0, 0.5],
            weight: Weight::default(),
        }
    }
}

/// Bins of the entropy.
const ENTROPY_BINS: usize = 32;

/// Smallest side of a patch, before its margin of one pixel.
const PATCH_MIN: f32 = 5.0;

/// Rings with fewer pixels say too little of the surroundings: the whole image speaks for them.
const RING_MIN: usize = 16;

const LSNR_MAX: f32 = 10.0;

impl GctmConfig {
    /// Least weight of a target after the fraction `progress` of all epochs: by a cosine from the first to the second value
    /// of `floor`, which it reaches at `end`.
    pub fn floor_at(&self, progress: f32, end: f32) -> f32 {
        let [from, to] = self.floor;
        let done = if end > 0.0 {
            (progress / end).clamp(0.0, 1.0)
        } else {
            1.0
        };
        to + (from - to) * 0.5 * (1.0 + (std::f32::consts::PI * done).cos())
    }

    /// GCTM of `prediction` for `target`; `all` are the targets of the image. What is not finite counts as 0.
    pub fn score(
        &self,
        frame: &Frame<'_>,
        target: &Target,
        prediction: &Prediction,
        all: &[Target],
    ) -> f32 {
        let geometry = s_geo(target, prediction);
        let ring = self.ring(frame, target, all);
        let t_gray = (self.lsnr(frame, target, &ring) / (1.0 + frame.entropy(&ring)) + self.eps)
            .max(self.t_gray_min);
        let truth = Area::patch(target.x, target.y, target.w, target.h);
        let found = Area::patch(prediction.x, prediction.y, prediction.w, prediction.h);
        let content = (frame.bhattacharyya(truth, found, self.bins) / t_gray).clamp(0.0, 1.0);
        let lambda = 1.0 / (1.0 + (-geometry / self.tau).exp());
        let score = lambda * geometry + (1.0 - lambda) * content;
        if score.is_finite() {
            score.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Grey levels around a target: its box widened by the ring, without any target's box.
    fn ring(&self, frame: &Frame<'_>, target: &Target, all: &[Target]) -> Vec<f32> {
        let boxes: Vec<Area> = all
            .iter()
            .map(|t| Area::around(t.x, t.y, t.w, t.h))
            .collect();
        let wide = Area::around(
            target.x,
            target.y,
            target.w + 2.0 * self.ring,
            target.h + 2.0 * self.ring,
        );
        let mut ring = Vec::new();
        frame.visit(wide, |x, y, grey| {
            if !boxes.iter().any(|b| b.contains(x, y)) {
                ring.push(grey);
            }
        });
        if ring.len() < RING_MIN {
            ring.clear();
            frame.visit(frame.whole(), |_, _, grey| ring.push(grey));
        }
        ring
    }

    fn lsnr(&self, frame: &Frame<'_>, target: &Target, ring: &[f32]) -> f32 {
        let mut inside = Vec::new();
        let area = Area::around(target.x, target.y, target.w, target.h);
        frame.visit(area, |_, _, grey| inside.push(grey));
        let ratio = match self.lsnr {
            Lsnr::Scr => {
                let (mu_t, _) = mean_and_deviation(&inside);
                let (mu_b, sigma_b) = mean_and_deviation(ring);
                (mu_t - mu_b).abs() / (sigma_b + 1.0)
            }
            Lsnr::Ratio => {
                let largest = |v: &[f32]| v.iter().fold(0.0f32, |m, g| m.max(*g));
                largest(&inside) / largest(ring).max(1.0)
            }
        };
        if ratio.is_nan() {
            return 0.0;
        }
        ratio.clamp(0.0, LSNR_MAX)
    }
}

/// `S_geo`; areas of boxes, of the target at least 1 pixel.
pub fn s_geo(target: &Target, prediction: &Prediction) -> f32 {
    let (dx, dy) = (prediction.x - target.x, prediction.y - target.y);
    let t_center2 = (target.w * target.w + target.h * target.h).max(2.0);
    let area = (target.w * target.h).max(1.0);
    let off = (prediction.w * prediction.h - area) / area;
    (-(dx * dx + dy * dy) / t_center2 - off * off).exp()
}

fn mean_and_deviation(values: &[f32]) -> (f32, f32) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / n;
    (mean as f32, variance.sqrt() as f32)
}

/// Pixels `[left, right) x [top, bottom)`, not yet cut to the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Area {
    /// The pixels whose centre a box covers; at least one.
    fn around(x: f32, y: f32, w: f32, h: f32) -> Self {
        let span = |c: f32, l: f32| {
            let start = (c - 0.5 * l).round() as i32;
            (
                start,
                ((c + 0.5 * l).round() as i32).max(start.saturating_add(1)),
            )
        };
        let ((left, right), (top, bottom)) = (span(x, w), span(y, h));
        Self {
            left,
            top,
            right,
            bottom,
        }
    }

    /// The patch that content is compared on.
    fn patch(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self::around(x, y, w.max(PATCH_MIN) + 2.0, h.max(PATCH_MIN) + 2.0)
    }

    fn contains(self, x: i32, y: i32) -> bool {
        (self.left..self.right).contains(&x) && (self.top..self.bottom).contains(&y)
    }
}

/// An image in grey levels, with the range of its histograms.
pub struct Frame<'a> {
    planes: &'a Planes,
    image: usize,
    grey: [f32; 2],
    range: [f32; 2],
}

impl<'a> Frame<'a> {
    /// Image `image` of the normalised batch; its truth knows the way back to grey levels.
    pub fn of(planes: &'a Planes, image: usize, truth: &Truth) -> Self {
        let mut frame = Self {
            planes,
            image,
            grey: truth.grey,
            range: [0.0; 2],
        };
        let mut all = Vec::new();
        frame.visit(frame.whole(), |_, _, grey| all.push(grey));
        let mut at = |fraction: f64| {
            let rank = (fraction * (all.len().max(1) - 1) as f64).round() as usize;
            *all.select_nth_unstable_by(rank, f32::total_cmp).1
        };
        frame.range = [at(0.001), at(0.999)];
        frame
    }

    fn whole(&self) -> Area {
        let g = self.planes.geometry();
        Area {
            left: 0,
            top: 0,
            right: g.w as i32,
            bottom: g.h as i32,
        }
    }

    fn visit(&self, area: Area, mut visit: impl FnMut(i32, i32, f32)) {
        let whole = self.whole();
        let (left, right) = (area.left.max(0), area.right.min(whole.right));
        for y in area.top.max(0)..area.bottom.min(whole.bottom) {
            let row = self.planes.row(self.image, 0, y as usize);
            for x in left..right {
                visit(x, y, row[x as usize] * self.grey[0] + self.grey[1]);
            }
        }
    }

    /// Position of a grey level in the range, 0 to 1.
    fn position(&self, grey: f32) -> f32 {
        let [low, high] = self.range;
        ((grey - low) / (high - low)).clamp(0.0, 1.0)
    }

    fn is_flat(&self) -> bool {
        let [low, high] = self.range;
        high - low < 1.0 || !(high - low).is_finite()
    }

    /// Bhattacharyya coefficient `sum sqrt(p q)` of two patches, each pixel shared linearly between its two bins.
    fn bhattacharyya(&self, a: Area, b: Area, bins: usize) -> f32 {
        if self.is_flat() {
            return 1.0;
        }
        let histogram = |area: Area| {
            let mut h = vec![0.0f64; bins];
            let mut count = 0.0;
            self.visit(area, |_, _, grey| {
                let at = f64::from(self.position(grey)) * (bins - 1) as f64;
                let (low, share) = (at.floor() as usize, at.fract());
                h[low] += 1.0 - share;
                if share > 0.0 {
                    h[low + 1] += share;
                }
                count += 1.0;
            });
            h.iter_mut().for_each(|v| *v /= f64::max(count, 1.0));
            h
        };
        let (p, q) = (histogram(a), histogram(b));
        p.iter().zip(&q).map(|(p, q)| (p * q).sqrt()).sum::<f64>() as f32
    }

    /// Shannon entropy of grey levels, bits, 0 to 5.
    fn entropy(&self, values: &[f32]) -> f32 {
        if self.is_flat() || values.is_empty() {
            return 0.0;
        }
        let mut h = [0usize; ENTROPY_BINS];
        for v in values {
            let bin = (self.position(*v) * ENTROPY_BINS as f32) as usize;
            h[bin.min(ENTROPY_BINS - 1)] += 1;
        }
        let n = values.len() as f32;
        h.iter()
            .filter(|c| **c > 0)
            .map(|c| {
                let p = *c as f32 / n;
                -p * p.log2()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests;
