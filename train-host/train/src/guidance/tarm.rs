//! TARM, target-aware reconstruction modulation: how `W` acts on the latents (paper, TARM; `yl` and `yh` are the low-pass
//! and high-pass part of a latent):
//!
//! ```text
//! r   = 0.5 (1 - cos(pi xi)), xi = clip((e - e0) / de, 0, 1)
//! yl' = yl (1 + gamma r sqrt(W))
//! yh' = yh W^(theta r) + delta W (HB(yh) - yh),   HB(y) = y + k (y - blur(y))
//! ```

use serde::{Deserialize, Serialize};

/// Form of the low-pass gain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LpGain {
    /// The paper's: the local level is raised too.
    #[default]
    Literal,
    /// `yl + gamma r sqrt(W) (yl - blur5(yl))`: structure is raised, the level stays.
    Centered,
}

/// Which stages are modulated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stages {
    /// Every invertible stage, on the way back.
    #[default]
    All,
    /// The deepest.
    Deepest,
}

/// Settings of TARM.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TarmConfig {
    /// Gain of the low-pass part.
    pub gamma: f32,
    /// Exponent of the high-pass gate at full strength.
    pub theta: f32,
    /// Strength of the high boost.
    pub delta: f32,
    /// `k` of the high boost.
    pub hb_k: f32,
    /// Where the ramp starts, fraction of all epochs.
    pub e0: f32,
    /// Length of the ramp, fraction of all epochs.
    pub de: f32,
    /// `W` is not let below this: the gate stays finite.
    pub w_min: f32,
    /// See [`Stages`].
    pub stages: Stages,
    /// The high boost follows the ramp too; the paper's formula has no ramp there.
    pub hb_ramp: bool,
    /// See [`LpGain`].
    pub lp_gain: LpGain,
}

impl Default for TarmConfig {
    fn default() -> Self {
        Self {
            gamma: 0.2,
            theta: 1.0,
            delta: 0.1,
            hb_k: 1.0,
            e0: 0.05,
            de: 0.20,
            w_min: 1e-6,
            stages: Stages::default(),
            hb_ramp: false,
            lp_gain: LpGain::default(),
        }
    }
}

impl TarmConfig {
    /// `r` after the fraction `progress` of all epochs.
    pub fn ramp(&self, progress: f32) -> f32 {
        let xi = if self.de > 0.0 {
            ((progress - self.e0) / self.de).clamp(0.0, 1.0)
        } else if progress >= self.e0 {
            1.0
        } else {
            0.0
        };
        0.5 * (1.0 - (std::f32::consts::PI * xi).cos())
    }
}

/// `[keep, blurred]` for both parts of a latent, see [`invdet_net::graph::Op::Modulate`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatentMaps {
    /// Of the low-pass part.
    pub low: [Vec<f32>; 2],
    /// Of the high-pass part.
    pub high: [Vec<f32>; 2],
}

impl LatentMaps {
    /// From the tolerance map of the stage, any length, at the ramp `r`.
    pub fn fill(&mut self, config: &TarmConfig, r: f32, weight: &[f32]) {
        for map in self.low.iter_mut().chain(&mut self.high) {
            map.clear();
        }
        for w in weight {
            // NaN becomes the smallest weight.
            let w = w.max(config.w_min).min(1.0);
            let gain = config.gamma * r * w.sqrt();
            let gate = (config.theta * r * w.ln()).exp();
            let ramp = if config.hb_ramp { r } else { 1.0 };
            let boost = ramp * config.delta * config.hb_k * w;
            self.low[0].push(1.0 + gain);
            self.low[1].push(match config.lp_gain {
                LpGain::Literal => 0.0,
                LpGain::Centered => gain,
            });
            self.high[0].push(gate + boost);
            self.high[1].push(boost);
        }
    }
}
