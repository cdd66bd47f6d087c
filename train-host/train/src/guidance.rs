//! Reconstruction guidance: what the backward path of training is told of the targets.
//!
//! From the head outputs of a batch and its truth, [`Guidance::prepare`] makes the tolerance map `W` ([`gctm`],
//! [`tolerance`]) and from it the maps that modulate the latents ([`tarm`]); after the backward path has run,
//! [`Guidance::loss`] weighs its error by `W` and writes the gradient. No gradient flows through `W`.

pub mod gctm;
pub mod pairing;
pub mod tarm;
pub mod tolerance;

use crate::backend::Backend;
use crate::loss::Truth;
use gctm::GctmConfig;
use invdet_cpu::planes::Planes;
use invdet_cpu::pool::Pool;
use invdet_net::arch::{InverseConfig, Modulated};
use invdet_net::graph::{ModulationMaps, Reconstruction};
use pairing::HeadPlanes;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use tarm::{LatentMaps, LpGain, Stages, TarmConfig};
use tolerance::Tolerance;

/// Who trains the invertible encoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderGrad {
    /// The reconstruction by its own optimizer, and the detection loss by the other at a lower rate.
    Dual,
    /// The reconstruction alone; the detection loss ends at the latents.
    Literal,
    /// One optimizer for the sum of both losses.
    Joint,
    /// The detection loss alone; there is no backward path.
    #[default]
    DetOnly,
    /// Nobody: a plain Haar encoder.
    Frozen,
}

impl EncoderGrad {
    /// Whether there is a backward path.
    pub const fn reconstructs(self) -> bool {
        matches!(self, Self::Dual | Self::Literal | Self::Joint)
    }
}

/// What the reconstruction is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecTarget {
    /// The normalised input.
    #[default]
    Input,
    /// The input after the same modulation of its plain Haar pyramid: what cannot be undone costs nothing.
    HaarTarm,
}

/// Noise in the latents before the inverse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecNoise {
    /// None.
    #[default]
    None,
    /// Eight-bit quantization: what deployment loses.
    Int8,
}

/// Settings of the reconstruction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconstructionConfig {
    /// See [`EncoderGrad`].
    pub encoder_grad: EncoderGrad,
    /// `dual`: rate of the detection optimizer on the encoder, times its rate elsewhere.
    pub det_lr_mult_inv: f32,
    /// Peak learning rate of the reconstruction's optimizer.
    pub lr: f32,
    /// Decoupled weight decay of the reconstruction's optimizer.
    pub weight_decay: f32,
    /// `joint`: weight of the reconstruction loss.
    pub joint_weight: f32,
    /// See [`RecTarget`].
    pub target: RecTarget,
    /// Weight of pixels far from targets, against 1 at their centres.
    pub weight_bg: f32,
    /// See [`RecNoise`].
    pub noise: RecNoise,
}

impl Default for ReconstructionConfig {
    fn default() -> Self {
        Self {
            encoder_grad: EncoderGrad::default(),
            det_lr_mult_inv: 0.1,
            lr: 2e-4,
            weight_decay: 1e-5,
            joint_weight: 1.0,
            target: RecTarget::default(),
            weight_bg: 0.05,
            noise: RecNoise::default(),
        }
    }
}

/// Switches of the backward path's operations.
pub fn inverse_config(reconstruction: &ReconstructionConfig, tarm: &TarmConfig) -> InverseConfig {
    InverseConfig {
        modulated: match tarm.stages {
            Stages::All => Modulated::All,
            Stages::Deepest => Modulated::Deepest,
        },
        centered_low: tarm.lp_gain == LpGain::Centered,
        quantize: reconstruction.noise == RecNoise::Int8,
        pyramid: reconstruction.target == RecTarget::HaarTarm,
    }
}

/// State of one image, kept from step to step.
#[derive(Default)]
struct Image {
    weight: Tolerance,
    maps: Vec<LatentMaps>,
    scores: Vec<f32>,
    error: Vec<f32>,
}

/// Makes the maps of a batch and the loss of its reconstruction.
pub struct Guidance {
    tarm: TarmConfig,
    gctm: GctmConfig,
    weight_bg: f32,
    images: Vec<Mutex<Image>>,
}

/// What a batch's guidance was, for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GuidanceReport {
    /// Weighted mean L1 of the reconstruction, normalised units.
    pub loss: f64,
    /// Mean GCTM of the targets, before the floor.
    pub score: f64,
}

impl Guidance {
    /// With the given settings.
    pub fn new(reconstruction: &ReconstructionConfig, tarm: TarmConfig, gctm: GctmConfig) -> Self {
        Self {
            tarm,
            gctm,
            weight_bg: reconstruction.weight_bg,
            images: Vec::new(),
        }
    }

    /// Fills the modulation maps of `trainer` from the head outputs of its last forward pass. `progress` is the fraction of
    /// all epochs done.
    pub fn prepare(
        &mut self,
        pool: &Pool,
        trainer: &mut dyn Backend,
        truths: &[Truth],
        progress: f32,
    ) {
        let (count, height, width) = trainer.shape();
        let Some(path) = trainer.graph().reconstruction.clone() else {
            return;
        };
        self.images.resize_with(count, Mutex::default);
        let (tarm, gctm) = (self.tarm, self.gctm);
        let ramp = tarm.ramp(progress);
        let floor = gctm.floor_at(progress, tarm.e0 + tarm.de);
        let stages: Vec<usize> = path.modulations.iter().map(|m| m.stage).collect();
        let images = &self.images;
        // Planes cross threads; a trainer on a device need not.
        let input = trainer.activation(trainer.graph().input);
        let heads = HeadPlanes::of(trainer);
        pool.run(count, &|n| {
            let mut image = images[n].lock().unwrap_or_else(PoisonError::into_inner);
            let image = &mut *image;
            let truth = &truths[n];
            image.scores.clear();
            // The range of grey levels of a whole image is dear, and of use to targets only.
            if !truth.targets.is_empty() {
                let frame = gctm::Frame::of(input, n, truth);
                let predictions = pairing::predictions(heads, n, &truth.targets, gctm.matching);
                let pairs = truth.targets.iter().zip(&predictions);
                image.scores.extend(pairs.map(|(target, prediction)| {
                    let found = prediction.as_ref();
                    found.map_or(0.0, |p| gctm.score(&frame, target, p, &truth.targets))
                }));
            }
            image
                .weight
                .draw(&gctm, [width, height], &truth.targets, &image.scores, floor);
            image.maps.resize_with(stages.len(), LatentMaps::default);
            for (maps, stage) in image.maps.iter_mut().zip(&stages) {
                maps.fill(&tarm, ramp, &image.weight.pooled(*stage));
            }
        });
        for (n, image) in self.images.iter_mut().enumerate() {
            let image = image.get_mut().unwrap_or_else(PoisonError::into_inner);
            for (m, maps) in path.modulations.iter().zip(&image.maps) {
                write_maps(trainer, n, m.low, &maps.low);
                write_maps(trainer, n, m.high, &maps.high);
            }
        }
    }

    /// Loss of the backward path's output, `sum(om |X_rec - T|) / sum(om)` with `om = b + (1 - b) W`, meaned over the images
    /// that hold a target; writes its gradient.
    pub fn loss(
        &mut self,
        pool: &Pool,
        trainer: &mut dyn Backend,
        truths: &[Truth],
    ) -> GuidanceReport {
        let Some(path) = trainer.graph().reconstruction.clone() else {
            return GuidanceReport::default();
        };
        let (count, height, width) = trainer.shape();
        let with_target = truths.iter().filter(|t| !t.targets.is_empty()).count();
        let share = 1.0 / with_target.max(1) as f32;
        let (images, b) = (&self.images, self.weight_bg);
        let (rec, target) = compared(trainer, &path);
        let losses: Vec<Mutex<f64>> = (0..count).map(|_| Mutex::default()).collect();
        pool.run(count, &|n| {
            let mut image = images[n].lock().unwrap_or_else(PoisonError::into_inner);
            let Image { weight, error, .. } = &mut *image;
            error.clear();
            error.resize(width * height, 0.0);
            if truths[n].targets.is_empty() {
                return;
            }
            let mass: f64 = weight
                .full()
                .iter()
                .map(|w| f64::from(b + (1.0 - b) * w))
                .sum();
            let scale = share / mass as f32;
            let mut sum = 0.0f64;
            for y in 0..height {
                let at = y * width..(y + 1) * width;
                let pixels = rec
                    .row(n, path.output.first, y)
                    .iter()
                    .zip(target.row(n, 0, y));
                let weights = weight.full()[at.clone()].iter();
                for ((g, (x, t)), w) in error[at].iter_mut().zip(pixels).zip(weights) {
                    let (om, difference) = (b + (1.0 - b) * w, x - t);
                    sum += f64::from(om * difference.abs());
                    if difference != 0.0 {
                        *g = scale * om * difference.signum();
                    }
                }
            }
            *losses[n].lock().unwrap_or_else(PoisonError::into_inner) =
                f64::from(share) * sum / mass;
        });
        let (mut score, mut targets) = (0.0, 0);
        for (n, image) in self.images.iter_mut().enumerate() {
            let image = image.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Some(gradient) = trainer.reconstruction_gradient_mut() {
                for (y, row) in image.error.chunks_exact(width).enumerate() {
                    gradient
                        .row_mut(n, path.output.first, y)
                        .copy_from_slice(row);
                }
            }
            score += image.scores.iter().map(|s| f64::from(*s)).sum::<f64>();
            targets += image.scores.len();
        }
        let losses = losses.into_iter();
        GuidanceReport {
            loss: losses
                .map(|l| l.into_inner().unwrap_or_else(PoisonError::into_inner))
                .sum(),
            score: score / targets.max(1) as f64,
        }
    }
}

/// Reconstruction and its target.
fn compared<'a>(trainer: &'a dyn Backend, path: &Reconstruction) -> (&'a Planes, &'a Planes) {
    let target = path.pyramid.unwrap_or(trainer.graph().input);
    (trainer.activation(path.output), trainer.activation(target))
}

fn write_maps(trainer: &mut dyn Backend, n: usize, views: ModulationMaps, maps: &[Vec<f32>; 2]) {
    for (view, values) in [Some(views.keep), views.blurred].into_iter().zip(maps) {
        if let Some(view) = view {
            let planes = trainer.activation_mut(view);
            let width = planes.geometry().w;
            for (y, row) in values.chunks_exact(width).enumerate() {
                planes.row_mut(n, view.first, y).copy_from_slice(row);
            }
        }
    }
}

/// Fills the modulation maps of `trainer` so that nothing is modulated.
pub fn neutral_maps(trainer: &mut dyn Backend) {
    let Some(path) = trainer.graph().reconstruction.clone() else {
        return;
    };
    let (count, height, width) = trainer.shape();
    for m in &path.modulations {
        let pixels = (height >> m.stage) * (width >> m.stage);
        let maps = [vec![1.0; pixels], vec![0.0; pixels]];
        for n in 0..count {
            write_maps(trainer, n, m.low, &maps);
            write_maps(trainer, n, m.high, &maps);
        }
    }
}

/// `max |X - inverse(forward(X))|` of the batch that `trainer` holds: the health of the bijection. The backward path must
/// have run with [`neutral_maps`] and without quantization noise.
pub fn round_trip_error(trainer: &dyn Backend) -> f32 {
    let Some(path) = &trainer.graph().reconstruction else {
        return 0.0;
    };
    let (count, height, _) = trainer.shape();
    let (rec, input) = (
        trainer.activation(path.output),
        trainer.activation(trainer.graph().input),
    );
    let mut worst = 0.0f32;
    for (n, y) in (0..count * height).map(|i| (i / height, i % height)) {
        for (a, b) in rec
            .row(n, path.output.first, y)
            .iter()
            .zip(input.row(n, 0, y))
        {
            let d = (a - b).abs();
            // NaN must not hide.
            worst = if d.is_nan() {
                f32::INFINITY
            } else {
                worst.max(d)
            };
        }
    }
    worst
}

#[cfg(test)]
mod tests;
