//! Which prediction belongs to which target, from the raw head outputs of a training step.

use super::gctm::s_geo;
use crate::backend::Backend;
use invdet_cpu::planes::Planes;
use invdet_data::Target;
use invdet_metrics::assignment::assign;
use invdet_net::graph::Outputs;
use serde::{Deserialize, Serialize};

/// How predictions are paired with targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The highest cell near the target: defined from the first step on, without threshold.
    #[default]
    LocalPeak,
    /// Peaks of at least [`SCORE_MIN`], assigned at the least total cost `1 - S_geo`.
    Hungarian,
}

/// Least score of a peak for [`Matching::Hungarian`].
pub const SCORE_MIN: f32 = 0.05;

/// Predicted sizes are kept within this, pixels.
const SIZE: [f32; 2] = [1.0, 64.0];

/// A decoded prediction, pixels of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Centre.
    pub x: f32,
    /// Centre.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// Heads of a batch, on the host.
#[derive(Debug, Clone, Copy)]
pub struct HeadPlanes<'a> {
    heat: &'a Planes,
    off: &'a Planes,
    size: &'a Planes,
    outputs: Outputs,
}

impl<'a> HeadPlanes<'a> {
    /// Of the last forward pass.
    pub fn of(trainer: &'a dyn Backend) -> Self {
        let outputs = trainer.graph().outputs;
        Self {
            heat: trainer.activation(outputs.heat),
            off: trainer.activation(outputs.off),
            size: trainer.activation(outputs.size),
            outputs,
        }
    }
}

/// Heads of one image of a batch.
struct Heads<'a> {
    planes: HeadPlanes<'a>,
    image: usize,
    width: usize,
    height: usize,
}

impl Heads<'_> {
    /// Logit of the heat map.
    fn heat(&self, u: usize, v: usize) -> f32 {
        let first = self.planes.outputs.heat.first;
        self.planes.heat.row(self.image, first, v)[u]
    }

    fn decode(&self, u: usize, v: usize) -> Prediction {
        let p = &self.planes;
        let off = |k| p.off.row(self.image, p.outputs.off.first + k, v)[u];
        let log_size = |k| p.size.row(self.image, p.outputs.size.first + k, v)[u];
        // `max` takes a size that is no number as the smallest.
        let size = |k| SIZE[1].min(SIZE[0].max(2.0 * log_size(k).exp()));
        Prediction {
            x: 2.0 * (u as f32 + off(0)),
            y: 2.0 * (v as f32 + off(1)),
            w: size(0),
            h: size(1),
        }
    }
}

/// One prediction a target, or `None`, from image `image`.
pub fn predictions(
    planes: HeadPlanes<'_>,
    image: usize,
    targets: &[Target],
    matching: Matching,
) -> Vec<Option<Prediction>> {
    let cells = planes.heat.geometry();
    let heads = Heads {
        planes,
        image,
        width: cells.w,
        height: cells.h,
    };
    match matching {
        Matching::LocalPeak => local_peaks(&heads, targets),
        Matching::Hungarian => assigned(&heads, targets),
    }
}

/// `t_center`: the diagonal of the target's box.
fn diagonal(t: &Target) -> f32 {
    t.w.hypot(t.h).max(std::f32::consts::SQRT_2)
}

/// The highest cell within `ceil(t_center) + 2` pixels of each centre; a cell that two targets choose stays with the nearer.
fn local_peaks(heads: &Heads<'_>, targets: &[Target]) -> Vec<Option<Prediction>> {
    let distance = |t: &Target, (u, v): (usize, usize)| {
        (2.0 * u as f32 + 1.0 - t.x).hypot(2.0 * v as f32 + 1.0 - t.y)
    };
    let mut chosen: Vec<Option<(usize, usize)>> = Vec::new();
    for t in targets {
        let reach = diagonal(t).ceil() + 2.0;
        let span = |c: f32, end: usize| {
            let low = ((c - reach) / 2.0).floor().max(0.0) as usize;
            low.min(end)..(((c + reach) / 2.0).ceil().max(0.0) as usize).min(end)
        };
        let mut best: Option<((usize, usize), f32)> = None;
        for v in span(t.y, heads.height) {
            for u in span(t.x, heads.width) {
                let heat = heads.heat(u, v);
                if distance(t, (u, v)) <= reach && best.is_none_or(|(_, most)| heat > most) {
                    best = Some(((u, v), heat));
                }
            }
        }
        chosen.push(best.map(|(cell, _)| cell));
    }
    for i in 0..targets.len() {
        for j in 0..i {
            if let (Some(a), Some(b)) = (chosen[i], chosen[j])
                && a == b
            {
                let farther = if distance(&targets[i], a) < distance(&targets[j], a) {
                    j
                } else {
                    i
                };
                chosen[farther] = None;
            }
        }
    }
    chosen
        .into_iter()
        .map(|cell| cell.map(|(u, v)| heads.decode(u, v)))
        .collect()
}

/// Peaks against targets, cost `1 - S_geo`, no further apart than twice `t_center`.
fn assigned(heads: &Heads<'_>, targets: &[Target]) -> Vec<Option<Prediction>> {
    let least = (SCORE_MIN / (1.0 - SCORE_MIN)).ln();
    let mut peaks = Vec::new();
    for v in 0..heads.height {
        for u in 0..heads.width {
            let heat = heads.heat(u, v);
            let rows = v.saturating_sub(1)..(v + 2).min(heads.height);
            let is_peak = heat >= least
                && rows.into_iter().all(|y| {
                    (u.saturating_sub(1)..(u + 2).min(heads.width))
                        .all(|x| heat >= heads.heat(x, y))
                });
            if is_peak {
                peaks.push(heads.decode(u, v));
            }
        }
    }
    // No allowed pair costs more than 1.
    const FORBIDDEN: f64 = 1e3;
    let cost = |t: &Target, p: &Prediction| {
        let near = (p.x - t.x).hypot(p.y - t.y) <= 2.0 * diagonal(t);
        if near {
            f64::from(1.0 - s_geo(t, p))
        } else {
            FORBIDDEN
        }
    };
    let costs: Vec<f64> = targets
        .iter()
        .flat_map(|t| peaks.iter().map(move |p| cost(t, p)))
        .collect();
    // `cost` is finite; if it ever were not, the targets go unmatched.
    let columns = assign(&costs, targets.len(), peaks.len()).unwrap_or_default();
    let mut found = vec![None; targets.len()];
    for (t, column) in columns.into_iter().enumerate() {
        found[t] = column
            .filter(|p| costs[t * peaks.len() + p] < FORBIDDEN)
            .map(|p| peaks[p]);
    }
    found
}
