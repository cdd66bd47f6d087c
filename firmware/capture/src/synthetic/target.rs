//! Point targets: how each one moves, how bright it is and how it falls on the pixels.
//!
//! Targets 1 and 2 cross, 3 fades in, 4 weaves, later ones drift on slow curves. All paths are smooth and stay within
//! the frame for ever. Brightness follows the local spread of the scene, so that the signal-to-clutter ratio is the
//! asked one all along the path; a real target's would change with its background.

use invdet_core::ImageSize;

use super::TruthTarget;
use super::exact::{Random, normal_integral, sin};
use super::spec::SyntheticSpec;

const TARGET_STREAM: u64 = 7;

/// Energy within +-2 sigma along both axes: 0.9545 squared.
const ENERGY_IN_BOX: f64 = 0.911_070;
/// Sizes in turn, pixels.
const EXTENTS_PX: [f64; 8] = [3.0, 4.0, 2.5, 5.0, 2.0, 6.0, 3.5, 4.5];
/// The blur reaches 5 sigma; the largest has 1.5 px.
const REACH_SIGMA: f64 = 5.0;
const MAX_SPAN: usize = 20;

/// One target's path and look.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: u32,
    /// Full extent (4 sigma), pixels.
    pub(super) width: f64,
    /// Full extent (4 sigma), pixels.
    pub(super) height: f64,
    center: (f64, f64),
    /// Half the range of the slow curve, pixels; the sign is the direction.
    sweep: (f64, f64),
    /// Radians per second.
    rate: (f64, f64),
    /// When it passes its centre, seconds.
    passes_at_s: f64,
    weave: Weave,
    /// Seconds from invisible to full contrast.
    fade_s: Option<(f64, f64)>,
}

/// A fast sideways swing on top of the path.
#[derive(Debug, Default, Clone, Copy)]
struct Weave {
    half_px: f64,
    rate: f64,
}

impl Target {
    /// Target `index` (from 0) of a specification.
    pub(super) fn new(spec: &SyntheticSpec, index: u32) -> Self {
        let mut random = Random::new(spec.seed(), TARGET_STREAM + (u64::from(index) << 8));
        let (width, height) = (f64::from(spec.size().width), f64::from(spec.size().height));
        let extent = EXTENTS_PX[index as usize % EXTENTS_PX.len()];
        let mut target = Self {
            id: index + 1,
            width: extent,
            height: (extent * random.between(0.75, 1.0)).max(2.0),
            center: (
                width * random.between(0.4, 0.6),
                height * random.between(0.3, 0.7),
            ),
            sweep: (
                width * random.between(0.15, 0.3),
                height * random.between(0.05, 0.2),
            ),
            rate: (random.between(0.1, 0.2), random.between(0.12, 0.25)),
            passes_at_s: random.between(0.0, 20.0),
            weave: Weave::default(),
            fade_s: None,
        };
        match index {
            // The pair passes one point at one time, from opposite sides, before the shutter closes by default.
            0 | 1 => {
                let direction = if index == 0 { 1.0 } else { -1.0 };
                target.center = (0.48 * width, 0.28 * height);
                target.sweep = (direction * 0.32 * width, (0.10 + 0.05 * direction) * height);
                target.rate = (0.16, 0.11);
                target.passes_at_s = (0.35 * spec.seconds()).min(6.0);
            }
            2 => {
                target.center = (0.3 * width, 0.72 * height);
                target.sweep = (0.2 * width, 0.08 * height);
                target.fade_s = Some((
                    0.1 * spec.seconds(),
                    (0.4 * spec.seconds()).min(0.1 * spec.seconds() + 3.0),
                ));
            }
            3 => {
                target.center = (0.65 * width, 0.45 * height);
                target.weave = Weave {
                    half_px: 0.02 * height,
                    rate: 3.5,
                };
            }
            _ => {}
        }
        target
    }

    /// Centre at `time_s`, pixels of the frame.
    pub(super) fn position(&self, time_s: f64) -> (f64, f64) {
        let since = time_s - self.passes_at_s;
        let swing = self.weave.half_px * sin(self.weave.rate * time_s);
        (
            self.center.0 + self.sweep.0 * sin(self.rate.0 * since),
            self.center.1 + self.sweep.1 * sin(self.rate.1 * since) + swing,
        )
    }

    /// Share of the full contrast at `time_s`, 0..=1.
    pub(super) fn contrast(&self, time_s: f64) -> f64 {
        let Some((start, end)) = self.fade_s else {
            return 1.0;
        };
        let share = ((time_s - start) / (end - start).max(1e-9)).clamp(0.0, 1.0);
        share * share * (3.0 - 2.0 * share)
    }

    /// Total counts that give the mean over the box `scr` times the local spread.
    pub(super) fn energy(&self, scr: f64, spread: f64) -> f64 {
        scr * spread * self.width * self.height / ENERGY_IN_BOX
    }
}

/// Adds a target of `energy` counts to `light`, each pixel the integral of the Gaussian over its area.
pub(super) fn add(light: &mut [f32], size: ImageSize, target: &TruthTarget, energy: f32) {
    let (columns, x_shares) = shares(target.x, target.w, size.width);
    let (rows, y_shares) = shares(target.y, target.h, size.height);
    let lines = light
        .chunks_exact_mut(size.width as usize)
        .skip(rows.start)
        .take(rows.len());
    for (line, y_share) in lines.zip(y_shares) {
        let pixels = line.iter_mut().skip(columns.start).take(columns.len());
        pixels
            .zip(x_shares)
            .for_each(|(value, x_share)| *value += energy * y_share * x_share);
    }
}

/// The pixels that a Gaussian reaches along one axis, and the share of its energy that each one gets.
fn shares(center: f32, extent: f32, end: u32) -> (std::ops::Range<usize>, [f32; MAX_SPAN]) {
    let (center, sigma) = (f64::from(center), f64::from(extent) / 4.0);
    let edge = |value: f64| value.clamp(0.0, f64::from(end)) as usize;
    let first = edge((center - REACH_SIGMA * sigma).floor());
    let last = edge((center + REACH_SIGMA * sigma).ceil()).min(first + MAX_SPAN);
    let mut shares = [0.0; MAX_SPAN];
    for (pixel, share) in (first..last).zip(&mut shares) {
        let below = normal_integral((pixel as f64 - center) / sigma);
        let above = normal_integral((pixel as f64 + 1.0 - center) / sigma);
        *share = (above - below) as f32;
    }
    (first..last, shares)
}
