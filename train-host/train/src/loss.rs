//! The detection loss and its gradient: heat map, offset, size, mask.
//!
//! `L_det = w_heat L_heat + w_off L_off + w_size L_size + w_mask L_mask`: the focal loss of CenterNet on the heat map
//! (alpha 2, beta 4), L1 on offsets (cells) and log sizes at the centre cells, and `1 - softIoU` per image plus binary
//! cross-entropy on the mask. `N`, the number of targets, is that of the batch.

use crate::backend::Backend;
use invdet_cpu::planes::Planes;
use invdet_cpu::pool::Pool;
use invdet_data::Target;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// What an image of the batch holds.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Targets, in pixels of the crop.
    pub targets: Vec<Target>,
    /// 1 on target pixels, 0 elsewhere, row by row; empty for an image labelled with boxes, which the mask loss leaves
    /// out.
    pub mask: Vec<u8>,
    /// Grey level of a normalised value `v`, on an eight-bit scale: `grey[0] * v + grey[1]`.
    pub grey: [f32; 2],
}

/// Weights of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Of the heat map.
    pub heat: f32,
    /// Of the offsets.
    pub off: f32,
    /// Of the log sizes.
    pub size: f32,
    /// Of the mask.
    pub mask: f32,
    /// See [`SoftIou`].
    pub soft_iou: SoftIou,
}

/// Over which pixels the soft IoU of the mask is formed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoftIou {
    /// Those of each image, then meaned: images weigh alike, as in MSHNet.
    #[default]
    Image,
    /// Those of the whole batch: target pixels weigh alike, as in the IoU that is reported and in BasicIRSTD and DNANet.
    Batch,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            heat: 1.0,
            off: 1.0,
            size: 0.5,
            mask: 1.0,
            soft_iou: SoftIou::default(),
        }
    }
}

/// Values of the parts, unweighted, and their weighted sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossParts {
    /// Focal loss of the heat map.
    pub heat: f64,
    /// Mean L1 of the offsets, cells.
    pub off: f64,
    /// Mean L1 of the log sizes.
    pub size: f64,
    /// 1 - softIoU + cross-entropy.
    pub mask: f64,
    /// Weighted sum: the detection loss.
    pub total: f64,
    /// Weighted L1 of the reconstruction; 0 without backward path.
    pub rec: f64,
}

impl LossParts {
    /// Adds `share` of each part of `other`, for means.
    pub fn add(&mut self, other: &LossParts, share: f64) {
        for (sum, part) in [
            (&mut self.heat, other.heat),
            (&mut self.off, other.off),
            (&mut self.size, other.size),
            (&mut self.mask, other.mask),
            (&mut self.total, other.total),
            (&mut self.rec, other.rec),
        ] {
            *sum += share * part;
        }
    }
}

/// Smallest standard deviation of a heat target, cells.
const SIGMA_MIN: f32 = 0.8;

/// Smoothing of the soft IoU.
const SMOOTH: f64 = 1.0;

/// A target in cells of the heat map.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    u: usize,
    v: usize,
    off: [f32; 2],
    log_size: [f32; 2],
    sigma: [f32; 2],
}

impl Cell {
    /// `None` if the centre lies outside the map.
    fn of(t: &Target, width: usize, height: usize) -> Option<Self> {
        let (cx, cy) = (t.x / 2.0, t.y / 2.0);
        let inside = (0.0..width as f32).contains(&cx) && (0.0..height as f32).contains(&cy);
        inside.then(|| Self {
            u: cx as usize,
            v: cy as usize,
            off: [cx - cx.floor(), cy - cy.floor()],
            log_size: [(t.w / 2.0).ln(), (t.h / 2.0).ln()],
            sigma: [(t.w / 8.0).max(SIGMA_MIN), (t.h / 8.0).max(SIGMA_MIN)],
        })
    }
}

/// Heat target: `max_k exp(-(du^2 / 2 sx^2 + dv^2 / 2 sy^2))`, exactly 1 at centre cells.
fn heat_target(cells: &[Cell], width: usize, height: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(width * height, 0.0);
    for c in cells {
        // Beyond five deviations the target is below 4e-6.
        let reach = |i: usize| (5.0 * c.sigma[i]).ceil() as usize;
        for v in c.v.saturating_sub(reach(1))..(c.v + reach(1) + 1).min(height) {
            for u in c.u.saturating_sub(reach(0))..(c.u + reach(0) + 1).min(width) {
                let du = (u as f32 - c.u as f32) / c.sigma[0];
                let dv = (v as f32 - c.v as f32) / c.sigma[1];
                let y = &mut out[v * width + u];
                *y = y.max((-0.5 * (du * du + dv * dv)).exp());
            }
        }
    }
}

/// Sigmoid, `ln sigmoid(x)` and `ln sigmoid(-x)` without overflow.
fn log_sigmoids(x: f32) -> (f32, f32, f32) {
    let e = (-x.abs()).exp();
    let tail = e.ln_1p();
    let p = if x >= 0.0 {
        1.0 / (1.0 + e)
    } else {
        e / (1.0 + e)
    };
    (p, x.min(0.0) - tail, (-x).min(0.0) - tail)
}

/// Scratch of one image, kept from step to step.
#[derive(Default)]
struct Work {
    cells: Vec<Cell>,
    target: Vec<f32>,
    /// Logits of one plane, then its gradient.
    values: Vec<f32>,
    maps: [Vec<f32>; 5],
    mask: Vec<f32>,
    overlap: Overlap,
    parts: LossParts,
}

/// Computes losses and writes their gradients into a trainer.
#[derive(Default)]
pub struct DetectionLoss {
    weights: LossWeights,
    work: Vec<Mutex<Work>>,
}

impl DetectionLoss {
    /// With the given weights.
    pub fn new(weights: LossWeights) -> Self {
        Self {
            weights,
            work: Vec::new(),
        }
    }

    /// Loss of the batch; the gradients of all four outputs are written into `trainer`.
    pub fn run(&mut self, pool: &Pool, trainer: &mut dyn Backend, truths: &[Truth]) -> LossParts {
        let (images, height, width) = trainer.shape();
        assert_eq!(images, truths.len(), "one truth per image");
        let o = trainer.graph().outputs;
        self.work.resize_with(images, Mutex::default);
        let count: usize = truths
            .iter()
            .map(|t| {
                t.targets
                    .iter()
                    .filter(|t| Cell::of(t, width / 2, height / 2).is_some())
                    .count()
            })
            .sum();
        let masked = truths.iter().filter(|t| !t.mask.is_empty()).count();
        let weights = self.weights;
        let work = &self.work;
        // Planes cross threads; a trainer on a device need not.
        let [heat, off, size, mask]: [&Planes; 4] =
            [o.heat, o.off, o.size, o.mask].map(|v| trainer.activation(v));
        pool.run(images, &|n| {
            let mut w = work[n].lock().unwrap_or_else(PoisonError::into_inner);
            let w = &mut *w;
            let (mw, mh) = (width / 2, height / 2);
            w.parts = LossParts::default();
            w.cells.clear();
            w.cells
                .extend(truths[n].targets.iter().filter_map(|t| Cell::of(t, mw, mh)));
            heat_target(&w.cells, mw, mh, &mut w.target);
            let gather = |values: &mut Vec<f32>, planes: &Planes, channel, rows| {
                values.clear();
                (0..rows).for_each(|y| values.extend_from_slice(planes.row(n, channel, y)));
            };
            let scale = 1.0 / count.max(1) as f32;
            gather(&mut w.maps[0], heat, o.heat.first, mh);
            w.parts.heat = heat_loss(&mut w.maps[0], &w.target, weights.heat, scale);
            for (k, (planes, head, channel, weight)) in [
                (off, o.off, 0, weights.off),
                (off, o.off, 1, weights.off),
                (size, o.size, 0, weights.size),
                (size, o.size, 1, weights.size),
            ]
            .into_iter()
            .enumerate()
            {
                gather(&mut w.values, planes, head.first + channel, mh);
                let gradient = &mut w.maps[1 + k];
                gradient.clear();
                gradient.resize(mw * mh, 0.0);
                let loss = if k < 2 {
                    &mut w.parts.off
                } else {
                    &mut w.parts.size
                };
                for c in &w.cells {
                    let wanted = if k < 2 {
                        c.off[channel]
                    } else {
                        c.log_size[channel]
                    };
                    let at = c.v * mw + c.u;
                    let error = w.values[at] - wanted;
                    *loss += f64::from(error.abs() * scale);
                    if error != 0.0 {
                        gradient[at] += weight * scale * error.signum();
                    }
                }
            }
            gather(&mut w.mask, mask, o.mask.first, height);
            w.overlap = Overlap::of(&w.mask, &truths[n].mask);
        });
        let mut batch = Overlap::default();
        for work in &mut self.work {
            batch.add(
                &work
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .overlap,
            );
        }
        let work = &self.work;
        pool.run(images, &|n| {
            let mut w = work[n].lock().unwrap_or_else(PoisonError::into_inner);
            let w = &mut *w;
            if truths[n].mask.is_empty() {
                w.mask.fill(0.0);
                return;
            }
            let overlap = match weights.soft_iou {
                SoftIou::Image => w.overlap,
                SoftIou::Batch => batch,
            };
            let share = 1.0 / masked as f64;
            let entropy = w.overlap.entropy;
            w.parts.mask = share * (1.0 - overlap.soft_iou() + entropy / w.mask.len() as f64);
            // The soft IoU of the batch is one number, not a mean over images.
            let iou_share = match weights.soft_iou {
                SoftIou::Image => share,
                SoftIou::Batch => 1.0,
            };
            mask_gradient(
                &mut w.mask,
                &truths[n].mask,
                weights.mask,
                &overlap,
                [iou_share, share],
            );
        });
        let mut total = LossParts::default();
        for (n, work) in self.work.iter_mut().enumerate() {
            let w = work.get_mut().unwrap_or_else(PoisonError::into_inner);
            total.add(&w.parts, 1.0);
            let maps = trainer.output_gradient_mut(o.heat);
            for (k, map) in w.maps.iter().enumerate() {
                map.chunks_exact(width / 2)
                    .enumerate()
                    .for_each(|(y, row)| maps.row_mut(n, o.heat.first + k, y).copy_from_slice(row));
            }
            let mask = trainer.output_gradient_mut(o.mask);
            w.mask
                .chunks_exact(width)
                .enumerate()
                .for_each(|(y, row)| mask.row_mut(n, o.mask.first, y).copy_from_slice(row));
        }
        let of = |weight: f32, part: f64| f64::from(weight) * part;
        total.total = of(weights.heat, total.heat)
            + of(weights.off, total.off)
            + of(weights.size, total.size)
            + of(weights.mask, total.mask);
        total
    }
}

/// Turns logits into their gradient; returns the loss of the image.
fn heat_loss(logits: &mut [f32], target: &[f32], weight: f32, scale: f32) -> f64 {
    let mut sum = 0.0f64;
    for (x, &y) in logits.iter_mut().zip(target) {
        let (p, ln_p, ln_q) = log_sigmoids(*x);
        let q = 1.0 - p;
        let gradient = if y == 1.0 {
            sum -= f64::from(q * q * ln_p);
            // d/dx of -(1-p)^2 ln p
            2.0 * p * q * q * ln_p - q * q * q
        } else {
            let far = (1.0 - y) * (1.0 - y);
            let far = far * far;
            sum -= f64::from(far * p * p * ln_q);
            // d/dx of -(1-y)^4 p^2 ln(1-p)
            far * (p * p * p - 2.0 * p * p * q * ln_q)
        };
        *x = weight * scale * gradient;
    }
    sum * f64::from(scale)
}

/// Sums that soft IoU and cross-entropy are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Overlap {
    common: f64,
    predicted: f64,
    labelled: f64,
    entropy: f64,
}

impl Overlap {
    fn of(logits: &[f32], mask: &[u8]) -> Self {
        let mut sums = Self::default();
        for (x, &m) in logits.iter().zip(mask) {
            let (p, ln_p, ln_q) = log_sigmoids(*x);
            sums.predicted += f64::from(p);
            if m == 0 {
                sums.entropy -= f64::from(ln_q);
            } else {
                sums.common += f64::from(p);
                sums.labelled += 1.0;
                sums.entropy -= f64::from(ln_p);
            }
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.common += other.common;
        self.predicted += other.predicted;
        self.labelled += other.labelled;
        self.entropy += other.entropy;
    }

    fn union(&self) -> f64 {
        self.predicted + self.labelled - self.common
    }

    fn soft_iou(&self) -> f64 {
        (self.common + SMOOTH) / (self.union() + SMOOTH)
    }
}

/// Turns the logits of an image into the gradient of `-shares[0] * soft IoU + shares[1] * mean cross-entropy`, times `weight`;
/// the soft IoU is that of `overlap`.
fn mask_gradient(
    logits: &mut [f32],
    mask: &[u8],
    weight: f32,
    overlap: &Overlap,
    shares: [f64; 2],
) {
    let (common, union) = (overlap.common + SMOOTH, overlap.union() + SMOOTH);
    // d(soft IoU)/dp: on the target 1 / (union + s), elsewhere -(common + s) / (union + s)^2.
    let inside = (-shares[0] / union) as f32;
    let outside = (shares[0] * common / (union * union)) as f32;
    let per_pixel = (shares[1] / logits.len() as f64) as f32;
    for (x, &m) in logits.iter_mut().zip(mask) {
        let (p, _, _) = log_sigmoids(*x);
        let (y, d_iou) = if m == 0 {
            (0.0, outside)
        } else {
            (1.0, inside)
        };
        *x = weight * (d_iou * p * (1.0 - p) + per_pixel * (p - y));
    }
}

#[cfg(test)]
mod tests;
