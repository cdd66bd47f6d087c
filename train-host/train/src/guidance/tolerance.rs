//! The tolerance map: scores of the targets drawn as Gaussians, and its reduction to the stages.

use super::gctm::{GctmConfig, Weight};
use invdet_data::Target;

/// `W` of one image at full resolution.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tolerance {
    width: usize,
    values: Vec<f32>,
}

impl Tolerance {
    /// `W(u, v) = max(w_bg, max_k g_k exp(-((u - cx)^2 / 2 sx^2 + (v - cy)^2 / 2 sy^2)))` at pixel centres, with
    /// `g_k = max(score_k, floor)` and `s = max(sigma_min, kappa size)`; `targets` in pixels of the image, `size` its width
    /// and height.
    pub fn draw(
        &mut self,
        config: &GctmConfig,
        size: [usize; 2],
        targets: &[Target],
        scores: &[f32],
        floor: f32,
    ) {
        let [width, height] = size;
        self.width = width;
        self.values.clear();
        self.values.resize(width * height, config.w_bg);
        for (t, score) in targets.iter().zip(scores) {
            let score = match config.weight {
                Weight::Score => *score,
                Weight::Inverse => 1.0 - score,
            };
            // NaN loses against the floor.
            let peak = score.max(floor).clamp(0.0, 1.0);
            let s = [t.w, t.h].map(|l| (config.kappa * l).max(config.sigma_min));
            // Beyond four deviations a peak of 1 is below 4e-4.
            let span = |c: f32, s: f32, end: usize| {
                let low = (c - 4.0 * s).floor().max(0.0) as usize;
                low.min(end)..((c + 4.0 * s).ceil().max(0.0) as usize).min(end)
            };
            for y in span(t.y, s[1], height) {
                let dy = (y as f32 + 0.5 - t.y) / s[1];
                for x in span(t.x, s[0], width) {
                    let dx = (x as f32 + 0.5 - t.x) / s[0];
                    let value = &mut self.values[y * width + x];
                    *value = value.max(peak * (-0.5 * (dx * dx + dy * dy)).exp());
                }
            }
        }
    }

    /// All pixels, row by row.
    pub fn full(&self) -> &[f32] {
        &self.values
    }

    /// The largest value of each cell of `2^stage` x `2^stage` pixels: a mean would lose a target of one pixel.
    pub fn pooled(&self, stage: usize) -> Vec<f32> {
        let (cell, height) = (1 << stage, self.values.len() / self.width.max(1));
        let (w, h) = (self.width >> stage, height >> stage);
        let mut pooled = vec![0.0f32; w * h];
        for (y, row) in self
            .values
            .chunks_exact(self.width.max(1))
            .enumerate()
            .take(h * cell)
        {
            for (out, values) in pooled[y / cell * w..]
                .iter_mut()
                .zip(row.chunks_exact(cell))
            {
                *out = values.iter().fold(*out, |m, v| m.max(*v));
            }
        }
        pooled
    }
}
