//! AdamW with clipping, the learning-rate schedule, the moving average of the weights, and their first values.

use invdet_net::graph::{Graph, Param, Role};
use invdet_net::weights::Weights;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// Logit of the prior probability, 0.01, of a centre or a target pixel: as in focal-loss detectors.
const PRIOR_LOGIT: f32 = -4.6;

/// Random weights for `graph`, reproducible from `seed`: He-normal convolutions, zero last layers of the coupling
/// sub-networks (each block starts as identity), gains and variances one.
pub fn initial_weights(graph: &Graph, seed: u64) -> Weights {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut weights = Weights::neutral(graph);
    for (param, values) in graph.params.iter().zip(&mut weights.tensors) {
        match param.role {
            Role::Weight => {
                // `[out, in, k, k]`; of a transposed 2x2 convolution `[in, out, 2, 2]` each output sees `in` values.
                let transposed = param.name.ends_with("up.weight");
                let fan_in = if transposed {
                    param.shape[0]
                } else {
                    param.shape[1..].iter().product()
                };
                let std = (2.0 / fan_in as f32).sqrt();
                values.iter_mut().for_each(|w| *w = std * normal(&mut rng));
            }
            Role::PriorBias => values.fill(PRIOR_LOGIT),
            _ => {}
        }
    }
    weights
}

/// One draw of the standard normal distribution (Box and Muller).
fn normal(rng: &mut Pcg64Mcg) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

/// Settings of the optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Peak learning rate.
    pub lr: f32,
    /// Learning rate at the end of the cosine.
    pub min_lr: f32,
    /// Linear warm-up, epochs.
    pub warmup_epochs: f32,
    /// Decoupled decay of convolution weights.
    pub weight_decay: f32,
    /// Largest norm of all gradients together.
    pub clip: f32,
    /// Decay of the moving average of the weights, by step.
    pub ema: f32,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            min_lr: 1e-5,
            warmup_epochs: 3.0,
            weight_decay: 1e-2,
            clip: 10.0,
            ema: 0.999,
        }
    }
}

impl OptimizerConfig {
    /// Learning rate at `epoch` (fractional) of `epochs`.
    pub fn lr_at(&self, epoch: f32, epochs: f32) -> f32 {
        if epoch < self.warmup_epochs {
            return self.lr * (epoch / self.warmup_epochs).max(1e-3);
        }
        let done = ((epoch - self.warmup_epochs) / (epochs - self.warmup_epochs).max(1e-6))
            .clamp(0.0, 1.0);
        self.min_lr + 0.5 * (self.lr - self.min_lr) * (1.0 + (std::f32::consts::PI * done).cos())
    }
}

/// Moments of the gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    /// First moments, by parameter.
    pub first: Vec<Vec<f32>>,
    /// Second moments, by parameter.
    pub second: Vec<Vec<f32>>,
}

/// Rates of one step for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub lr: f32,
    /// Decay of convolution weights, by unit of learning rate.
    pub decay: f32,
}

const BETA: [f32; 2] = [0.9, 0.999];
const EPS: f32 = 1e-8;

impl AdamW {
    /// Before the first step.
    pub fn new(graph: &Graph) -> Self {
        let zeros = || graph.params.iter().map(|p| vec![0.0; p.len()]).collect();
        Self {
            first: zeros(),
            second: zeros(),
        }
    }

    /// Step number `step` (from 1) against `gradients`; `rates` names the rates of a parameter, or `None` if this optimizer
    /// does not own it. The decay does not pass through the moments (Loshchilov and Hutter, "Decoupled Weight Decay
    /// Regularization").
    pub fn step(
        &mut self,
        graph: &Graph,
        weights: &mut Weights,
        gradients: &[Vec<f32>],
        rates: impl Fn(&Param) -> Option<Rates>,
        step: u64,
    ) {
        let correction = BETA.map(|b| 1.0 - f64::from(b).powf(step as f64));
        let root = correction[1].sqrt() as f32;
        for (i, param) in graph.params.iter().enumerate() {
            let owned = param.role.is_learned().then(|| rates(param)).flatten();
            let Some(Rates { lr, decay }) = owned else {
                continue;
            };
            let rate = (f64::from(lr) / correction[0]) as f32;
            let keep = match param.role {
                Role::Weight | Role::ZeroWeight => 1.0 - lr * decay,
                _ => 1.0,
            };
            let moments = self.first[i].iter_mut().zip(&mut self.second[i]);
            for ((w, &g), (m, v)) in weights.tensors[i]
                .iter_mut()
                .zip(&gradients[i])
                .zip(moments)
            {
                *m += (1.0 - BETA[0]) * (g - *m);
                *v += (1.0 - BETA[1]) * (g * g - *v);
                *w = *w * keep - rate * *m / (v.sqrt() / root + EPS);
            }
        }
    }
}

/// Scales all gradients so that their joint norm is at most `limit`; returns the norm before. A norm that is not finite
/// leaves them as they are: the caller must skip the step.
pub fn clip(gradients: &mut [Vec<f32>], limit: f32) -> f64 {
    let norm = gradients
        .iter()
        .flatten()
        .map(|g| f64::from(*g) * f64::from(*g))
        .sum::<f64>()
        .sqrt();
    if norm.is_finite() && norm > f64::from(limit) {
        let scale = (f64::from(limit) / norm) as f32;
        gradients.iter_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}

/// Moves `average` towards `weights`; the first steps follow faster, so that the start is forgotten.
pub fn follow(average: &mut Weights, weights: &Weights, decay: f32, step: u64) {
    let decay = decay.min((1.0 + step as f32) / (10.0 + step as f32));
    for (a, w) in average
        .tensors
        .iter_mut()
        .flatten()
        .zip(weights.tensors.iter().flatten())
    {
        *a += (1.0 - decay) * (w - *a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use invdet_net::arch::build;
    use invdet_net::config::NetworkConfig;

    #[test]
    fn schedule_warms_up_peaks_and_falls_to_the_minimum() {
        let c = OptimizerConfig::default();
        assert!(c.lr_at(0.0, 100.0) < 1e-5);
        assert!((c.lr_at(3.0, 100.0) - c.lr).abs() < 1e-9);
        assert!((c.lr_at(100.0, 100.0) - c.min_lr).abs() < 1e-9);
        assert!(c.lr_at(60.0, 100.0) < c.lr_at(30.0, 100.0));
    }

    /// Two steps of AdamW by hand: g = 0.5 then -0.25, lr 0.1, decay 0.1 on a weight of 1.
    #[test]
    fn adamw_equals_the_formula() {
        let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
        let at = graph
            .params
            .iter()
            .position(|p| p.role == Role::Weight)
            .unwrap();
        let mut weights = Weights::neutral(&graph);
        weights.tensors[at][0] = 1.0;
        let mut adam = AdamW::new(&graph);
        let (mut w, mut m, mut v) = (1.0f64, 0.0f64, 0.0f64);
        for (t, g) in [0.5f64, -0.25].into_iter().enumerate() {
            let mut gradients: Vec<Vec<f32>> =
                graph.params.iter().map(|p| vec![0.0; p.len()]).collect();
            gradients[at][0] = g as f32;
            adam.step(
                &graph,
                &mut weights,
                &gradients,
                |_| {
                    Some(Rates {
                        lr: 0.1,
                        decay: 0.1,
                    })
                },
                t as u64 + 1,
            );
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let t = t as i32 + 1;
            let (mh, vh) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            w = w - 0.1 * 0.1 * w - 0.1 * mh / (vh.sqrt() + 1e-8);
        }
        assert!((f64::from(weights.tensors[at][0]) - w).abs() < 1e-6);
    }

    #[test]
    fn clipping_keeps_the_direction_and_leaves_small_gradients() {
        let mut g = vec![vec![3.0, 4.0], vec![0.0]];
        assert!((clip(&mut g, 10.0) - 5.0).abs() < 1e-9);
        assert_eq!(g[0], [3.0, 4.0]);
        clip(&mut g, 1.0);
        assert!((g[0][0] - 0.6).abs() < 1e-6 && (g[0][1] - 0.8).abs() < 1e-6);
        g[1][0] = f32::NAN;
        assert!(clip(&mut g, 1.0).is_nan());
    }
}
