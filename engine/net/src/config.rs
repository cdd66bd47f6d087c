//! The switches of the network; the first value of each is the default.

use serde::{Deserialize, Serialize};

/// Number of stages; stage `s` has resolution `H / 2^s`.
pub const STAGES: usize = 4;

/// Input height and width must be multiples of this.
pub const STRIDE: usize = 1 << STAGES;

/// Scaling of the Haar transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Haar {
    /// Gain 1/2 both ways: energy is kept.
    Orthonormal,
    /// Gain 1/4 forward, 1 back, as in the code of IRN (invertible image rescaling).
    Irn,
}

impl Haar {
    /// Factor of the analysis.
    pub const fn gain(self) -> f32 {
        match self {
            Haar::Orthonormal => 0.5,
            Haar::Irn => 0.25,
        }
    }

    /// Factor of the synthesis.
    pub const fn inverse_gain(self) -> f32 {
        match self {
            Haar::Orthonormal => 0.5,
            Haar::Irn => 1.0,
        }
    }
}

/// Where the channels of a Haar output are split into low-pass and high-pass part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Low-pass = band 0 (a quarter of the channels).
    Quarter,
    /// Low-pass = as many channels as the image has (one), at every stage.
    Irn,
}

/// The sub-networks phi, rho and eta of an InvBlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subnet {
    /// Two 3x3 convolutions with a ReLU between.
    Light,
    /// Five densely connected 3x3 convolutions, growth 16, leaky ReLU 0.2 (IRN's dense block).
    Dense,
}

/// Growth of [`Subnet::Dense`].
pub const DENSE_GROWTH: usize = 16;

/// How a fusion node joins its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mmfb {
    /// Concatenation and a 1x1 convolution.
    Node,
    /// Sum.
    Sum,
}

/// What the decoder up-samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recursion {
    /// `F_s = R(P_s + Up(F_{s+1}))`.
    F,
    /// `F_s = R(P_s + Up(P_{s+1}))`, the literal text of the paper.
    P,
}

/// How the mask is made from `F_1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskHead {
    /// Transposed 2x2 convolution to full resolution, ReLU, 3x3 convolution.
    Plain,
    /// Two 3x3 convolutions with ReLU over `F_1` and the latent `Y_1`, then a transposed 2x2 convolution.
    ///
    /// `Y_1` still holds every pixel, so the head weighs the pixels themselves against what the decoder says of their
    /// surroundings, all at half resolution.
    Detail,
}

/// Everything that determines the shape of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Invertible stages, 1..=4; the rest are convolutional.
    pub s_rev: usize,
    /// Blocks of each stage.
    pub n_block: [usize; STAGES],
    /// See [`Haar`].
    #[serde(default = "defaults::haar")]
    pub haar: Haar,
    /// See [`Split`].
    #[serde(default = "defaults::split")]
    pub split: Split,
    /// See [`Subnet`].
    #[serde(default = "defaults::subnet")]
    pub subnet: Subnet,
    /// Hidden channels of the light sub-networks, by stage.
    pub hidden: [usize; STAGES],
    /// Bound of the log scale of the coupling.
    #[serde(default = "defaults::clamp")]
    pub clamp: f32,
    /// Channels of the convolutional stages; entries of invertible stages are not used.
    pub conv_channels: [usize; STAGES],
    /// Channels `D_s` of neck and decoder.
    pub neck: [usize; STAGES],
    /// See [`Mmfb`].
    #[serde(default = "defaults::mmfb")]
    pub mmfb: Mmfb,
    /// See [`Recursion`].
    #[serde(default = "defaults::recursion")]
    pub decoder_recursion: Recursion,
    /// Channels of the head's trunk.
    pub trunk: usize,
    /// Channels of the mask head.
    pub mask_channels: usize,
    /// See [`MaskHead`].
    #[serde(default = "defaults::mask_head")]
    pub mask_head: MaskHead,
}

mod defaults {
    use super::{Haar, MaskHead, Mmfb, Recursion, Split, Subnet};
    pub(super) fn mask_head() -> MaskHead {
        MaskHead::Plain
    }
    pub(super) fn haar() -> Haar {
        Haar::Orthonormal
    }
    pub(super) fn split() -> Split {
        Split::Quarter
    }
    pub(super) fn subnet() -> Subnet {
        Subnet::Light
    }
    pub(super) fn clamp() -> f32 {
        1.0
    }
    pub(super) fn mmfb() -> Mmfb {
        Mmfb::Node
    }
    pub(super) fn recursion() -> Recursion {
        Recursion::F
    }
}

/// A configuration that cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A value outside its range.
    #[error("network.{key} is {found}, wanted {wanted}")]
    OutOfRange {
        /// The key of `model.toml`.
        key: &'static str,
        /// What it says.
        found: String,
        /// What it may say.
        wanted: &'static str,
    },
    /// A name that [`NetworkConfig::named`] does not know.
    #[error("no network is called {0:?}; there are \"s\" and \"b\"")]
    UnknownName(String),
}

impl NetworkConfig {
    /// `s`: about 0.3 GMAC for 256x256 pixels; `b`: the base of the paper, about 1.1 GMAC.
    ///
    /// # Errors
    /// [`ConfigError::UnknownName`].
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        let base = NetworkConfig {
            s_rev: 2,
            n_block: [2, 2, 2, 2],
            haar: Haar::Orthonormal,
            split: Split::Quarter,
            subnet: Subnet::Light,
            hidden: [16, 32, 48, 64],
            clamp: 1.0,
            conv_channels: [0, 0, 64, 128],
            neck: [32, 32, 48, 64],
            mmfb: Mmfb::Node,
            decoder_recursion: Recursion::F,
            trunk: 32,
            mask_channels: 16,
            mask_head: MaskHead::Detail,
        };
        match name {
            "b" => Ok(base),
            "s" => Ok(NetworkConfig {
                n_block: [1, 1, 1, 1],
                hidden: [16, 16, 32, 32],
                conv_channels: [0, 0, 32, 64],
                neck: [16, 16, 32, 32],
                trunk: 16,
                ..base
            }),
            other => Err(ConfigError::UnknownName(other.to_string())),
        }
    }

    /// Refuses what [`crate::arch::build`] could not build, naming the key.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let widths = "1 to 1024 channels in each stage that uses them";
        let legal = |x: &usize| (1..=1024).contains(x);
        let out = |key, found: String, wanted| Err(ConfigError::OutOfRange { key, found, wanted });
        if !(1..=STAGES).contains(&self.s_rev) {
            return out("s_rev", self.s_rev.to_string(), "1 to 4");
        }
        if !self.n_block.iter().all(|n| (1..=16).contains(n)) {
            return out(
                "n_block",
                format!("{:?}", self.n_block),
                "1 to 16 blocks in each of four stages",
            );
        }
        if !(self.clamp > 0.0 && self.clamp <= 4.0) {
            return out("clamp", self.clamp.to_string(), "more than 0 and at most 4");
        }
        if self.subnet == Subnet::Light && !self.hidden[..self.s_rev].iter().all(legal) {
            return out("hidden", format!("{:?}", self.hidden), widths);
        }
        if !self.conv_channels[self.s_rev..].iter().all(legal) {
            return out("conv_channels", format!("{:?}", self.conv_channels), widths);
        }
        if !self.neck.iter().all(legal) {
            return out("neck", format!("{:?}", self.neck), widths);
        }
        if !legal(&self.trunk) {
            return out("trunk", self.trunk.to_string(), "1 to 1024 channels");
        }
        if !legal(&self.mask_channels) {
            return out(
                "mask_channels",
                self.mask_channels.to_string(),
                "1 to 1024 channels",
            );
        }
        Ok(())
    }

    /// Channels of the stage output `Y_s`, `stage` from 1.
    pub fn stage_channels(&self, stage: usize) -> usize {
        if stage <= self.s_rev {
            1 << (2 * stage)
        } else {
            self.conv_channels[stage - 1]
        }
    }
}
