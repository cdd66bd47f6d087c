//! The network as a static graph: tensors, parameters and operations in the order in which they run.
//!
//! A tensor is a [`View`] of some channels of a storage; concatenation and slicing are views, so they cost nothing: a
//! producer writes straight into its part of the concatenated storage.

/// Some channels of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View {
    /// Index into [`Graph::storages`].
    pub storage: usize,
    /// First channel.
    pub first: usize,
    /// Number of channels.
    pub channels: usize,
}

impl View {
    /// Channels `from .. from + channels` of this view.
    ///
    /// # Panics
    /// If they lie outside.
    pub fn slice(self, from: usize, channels: usize) -> View {
        assert!(from + channels <= self.channels, "slice outside its view");
        View {
            first: self.first + from,
            channels,
            ..self
        }
    }
}

/// A tensor that owns memory: `channels` planes of the input's size divided by `2^level`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// For reports.
    pub name: String,
    /// Number of planes.
    pub channels: usize,
    /// Height and width are the input's shifted right by this.
    pub level: u32,
}

/// Index into [`Graph::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// What a parameter is for; decides initialisation, decay and whether it is learned by gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weight of a convolution, PyTorch's layout.
    Weight,
    /// Weight of the last convolution of a coupling sub-network: starts at zero, so that each block starts as identity.
    ZeroWeight,
    /// Bias of a convolution.
    Bias,
    /// Bias of the heat map and the mask, starting at the logit of the prior: targets are rare.
    PriorBias,
    /// Gain of a batch normalisation.
    NormGain,
    /// Offset of a batch normalisation.
    NormOffset,
    /// Running mean; not learned by gradient.
    RunningMean,
    /// Running variance; not learned by gradient.
    RunningVariance,
}

impl Role {
    /// Whether the optimizer moves it.
    pub const fn is_learned(self) -> bool {
        !matches!(self, Role::RunningMean | Role::RunningVariance)
    }
}

/// Who updates a parameter (the parameter groups of decoupled training).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// InvBlocks.
    Invertible,
    /// Convolutional stages.
    Conv,
    /// Fusion and decoder.
    Neck,
    /// Heads.
    Head,
}

/// A named array of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name in `weights.safetensors`.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// See [`Role`].
    pub role: Role,
    /// See [`Group`].
    pub group: Group,
}

impl Param {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none (it never does).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The dense convolutions of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvKind {
    /// 1x1.
    Pointwise,
    /// 3x3, stride 1, zero padding 1.
    Same3,
    /// 3x3, stride 2, zero padding 1.
    Down3,
    /// 2x2, stride 2: a 1x1 convolution of SpaceToDepth.
    Fold2,
    /// Transposed 2x2, stride 2; weight `[in, out, 2, 2]`: a 1x1 convolution and DepthToSpace.
    Unfold2,
}

impl ConvKind {
    /// Taps of the kernel.
    pub const fn taps(self) -> usize {
        match self {
            ConvKind::Pointwise => 1,
            ConvKind::Same3 | ConvKind::Down3 => 9,
            ConvKind::Fold2 | ConvKind::Unfold2 => 4,
        }
    }
}

/// Non-linearity at the end of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// None.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, 0.2 x)`.
    LeakyRelu,
}

impl Activation {
    /// Slope for negative values.
    pub const fn slope(self) -> f32 {
        match self {
            Activation::Linear => 1.0,
            Activation::Relu => 0.0,
            Activation::LeakyRelu => 0.2,
        }
    }
}

/// `output = activation(convolution(input) + bias + residual)`
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Which convolution.
    pub kind: ConvKind,
    /// Input.
    pub input: View,
    /// Output.
    pub output: View,
    /// `[out, in, k, k]`; of [`ConvKind::Unfold2`] `[in, out, 2, 2]`.
    pub weight: ParamId,
    /// `[out]`
    pub bias: Option<ParamId>,
    /// Added before the activation; shape of the output.
    pub residual: Option<View>,
    /// See [`Activation`].
    pub activation: Activation,
}

/// `output = activation((input - mean) / sqrt(variance + eps) * gain + offset + residual)`, by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Input.
    pub input: View,
    /// Output.
    pub output: View,
    /// `[channels]`
    pub gain: ParamId,
    /// `[channels]`
    pub offset: ParamId,
    /// `[channels]`
    pub mean: ParamId,
    /// `[channels]`
    pub variance: ParamId,
    /// Added before the activation.
    pub residual: Option<View>,
    /// See [`Activation`].
    pub activation: Activation,
}

/// Added to the variance in [`BatchNorm`].
pub const BATCH_NORM_EPS: f32 = 1e-5;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Haar analysis; output channel = band * input channels + channel.
    Haar {
        /// Input.
        input: View,
        /// Output, four times the channels at half the resolution.
        output: View,
        /// Factor of the transform.
        gain: f32,
    },
    /// Dense convolution.
    Conv(Conv),
    /// Convolution of each channel with its own `k x k` kernel (3 or 5), stride 1, zero padding.
    Depthwise {
        /// Input.
        input: View,
        /// Output.
        output: View,
        /// `[channels, 1, k, k]`
        weight: ParamId,
        /// 3 or 5.
        size: usize,
    },
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Affine coupling: `output = high * exp(clamp * tanh(scale / 2)) + shift`.
    Couple {
        /// `x^h`.
        high: View,
        /// `eta(y^l)`.
        scale: View,
        /// `rho(y^l)`.
        shift: View,
        /// `y^h`.
        output: View,
        /// Bound of the log scale.
        clamp: f32,
    },
    /// Haar synthesis, the inverse of [`Op::Haar`].
    Unhaar {
        /// Input.
        input: View,
        /// Output, a quarter of the channels at twice the resolution.
        output: View,
        /// Factor of the transform.
        gain: f32,
    },
    /// Inverse of the affine coupling: `output = (high - shift) * exp(-clamp * tanh(scale / 2))`.
    Uncouple {
        /// `y^h`.
        high: View,
        /// `eta(y^l)`.
        scale: View,
        /// `rho(y^l)`.
        shift: View,
        /// `x^h`.
        output: View,
        /// Bound of the log scale.
        clamp: f32,
    },
    /// `output = input - other`
    Subtract {
        /// Input.
        input: View,
        /// What is taken away; read by nothing else.
        other: View,
        /// Output.
        output: View,
    },
    /// Modulation towards targets: `output = input * keep - blurred * blur(input)`, the two maps of one channel each spread
    /// over all channels; `blur` is the binomial low-pass of [`Blur::taps`], reflected at the borders.
    Modulate {
        /// Input.
        input: View,
        /// Factor of the input; no gradient flows to it.
        keep: View,
        /// Factor of the blurred input, and the width of the blur; no gradient flows to the factor.
        blurred: Option<(View, Blur)>,
        /// Output.
        output: View,
    },
    /// Eight-bit quantization, one symmetric scale a tensor from its largest magnitude, and back to numbers; its gradient is
    /// that of the identity (straight-through estimator).
    Quantize {
        /// Input.
        input: View,
        /// Output.
        output: View,
    },
    /// Nearest up-sampling by two.
    Upsample {
        /// Input.
        input: View,
        /// Output.
        output: View,
    },
    /// `output = input`.
    Copy {
        /// Input.
        input: View,
        /// Output.
        output: View,
    },
}

impl Op {
    /// The tensors it reads.
    pub fn inputs(&self) -> Vec<View> {
        match self {
            Op::Haar { input, .. }
            | Op::Unhaar { input, .. }
            | Op::Depthwise { input, .. }
            | Op::Upsample { input, .. }
            | Op::Quantize { input, .. }
            | Op::Copy { input, .. } => vec![*input],
            Op::Subtract { input, other, .. } => vec![*input, *other],
            Op::Modulate {
                input,
                keep,
                blurred,
                ..
            } => [Some(*input), Some(*keep), blurred.map(|(map, _)| map)]
                .into_iter()
                .flatten()
                .collect(),
            Op::Conv(c) => [Some(c.input), c.residual].into_iter().flatten().collect(),
            Op::BatchNorm(b) => [Some(b.input), b.residual].into_iter().flatten().collect(),
            Op::Couple {
                high, scale, shift, ..
            }
            | Op::Uncouple {
                high, scale, shift, ..
            } => vec![*high, *scale, *shift],
        }
    }

    /// The tensor it writes.
    pub fn output(&self) -> View {
        match self {
            Op::Haar { output, .. }
            | Op::Unhaar { output, .. }
            | Op::Depthwise { output, .. }
            | Op::Couple { output, .. }
            | Op::Uncouple { output, .. }
            | Op::Subtract { output, .. }
            | Op::Modulate { output, .. }
            | Op::Quantize { output, .. }
            | Op::Upsample { output, .. }
            | Op::Copy { output, .. } => *output,
            Op::Conv(c) => c.output,
            Op::BatchNorm(b) => b.output,
        }
    }
}

/// Where the heads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outputs {
    /// Logits of the centre heat map, `[1, H/2, W/2]`.
    pub heat: View,
    /// Offsets of the centre in its cell, `[2, H/2, W/2]`, cells.
    pub off: View,
    /// `ln(w/2), ln(h/2)`, `[2, H/2, W/2]`, w and h in input pixels.
    pub size: View,
    /// Logits of the mask, `[1, H, W]`.
    pub mask: View,
}

/// Width of a binomial low-pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blur {
    /// Three taps each way.
    Three,
    /// Five taps each way.
    Five,
}

impl Blur {
    /// The kernel, rows as well as columns; its sum is one.
    pub const fn taps(self) -> &'static [f32] {
        match self {
            Blur::Three => &[0.25, 0.5, 0.25],
            Blur::Five => &[0.0625, 0.25, 0.375, 0.25, 0.0625],
        }
    }
}

/// The two maps that modulate one part of a latent, see [`Op::Modulate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModulationMaps {
    /// Factor of the latent.
    pub keep: View,
    /// Factor of the blurred latent.
    pub blurred: Option<View>,
}

/// Modulation of the latent of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageModulation {
    /// The stage, from 1; its maps have `1 / 2^stage` of the input's height and width.
    pub stage: usize,
    /// Of the low-pass part.
    pub low: ModulationMaps,
    /// Of the high-pass part.
    pub high: ModulationMaps,
}

/// The backward path of training: from the deepest invertible latent back to an image, with the encoder's own weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// Operations from here on belong to the backward path.
    pub first_op: usize,
    /// Deepest stage first.
    pub modulations: Vec<StageModulation>,
    /// `X_rec`, `[1, H, W]`.
    pub output: View,
    /// The image as the plain Haar pyramid gives it back after the same modulation, `[1, H, W]`, where that is the target.
    pub pyramid: Option<View>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// All tensors that own memory.
    pub storages: Vec<Storage>,
    /// All parameters.
    pub params: Vec<Param>,
    /// In the order in which they run.
    pub ops: Vec<Op>,
    /// The normalised image, `[1, H, W]`.
    pub input: View,
    /// See [`Outputs`].
    pub outputs: Outputs,
    /// `Y_1 .. Y_{s_rev}`, the outputs of the invertible stages.
    pub latents: Vec<View>,
    /// Only while training with reconstruction, see [`crate::arch::build_with_reconstruction`].
    pub reconstruction: Option<Reconstruction>,
}

impl Graph {
    /// Number of operations of the forward path.
    pub fn forward_ops(&self) -> usize {
        self.reconstruction
            .as_ref()
            .map_or(self.ops.len(), |r| r.first_op)
    }

    /// Multiply-accumulates of one forward pass over an image of `height` x `width` pixels, by operation.
    pub fn macs(&self, height: usize, width: usize) -> Vec<u64> {
        let pixels = |view: View| {
            let level = self.storages[view.storage].level;
            ((height >> level) * (width >> level)) as u64
        };
        let count = |op: &Op| match op {
            Op::Conv(c) => {
                let cells = if c.kind == ConvKind::Unfold2 {
                    pixels(c.input)
                } else {
                    pixels(c.output)
                };
                cells * (c.kind.taps() * c.input.channels * c.output.channels) as u64
            }
            Op::Depthwise { output, size, .. } => {
                pixels(*output) * (size * size * output.channels) as u64
            }
            _ => 0,
        };
        self.ops.iter().map(count).collect()
    }

    /// Number of values that training moves.
    pub fn learned_values(&self) -> usize {
        self.params
            .iter()
            .filter(|p| p.role.is_learned())
            .map(Param::len)
            .sum()
    }
}
