//! What the executor runs: the operations of `invdet_net::graph`, and those of the way back through an invertible encoder.
//!
//! [`Operation::of`] is the one place where a new variant of [`Op`] is hooked up.

use crate::ops;
use invdet_net::graph::{BatchNorm, Conv, Op, ParamId, View};

/// One step; the first four variants have no [`Op`] yet.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the graph does not build the operations of the way back yet"
    )
)]
pub(crate) enum Operation {
    /// Haar synthesis: the input has four times the channels of the output, at half the resolution.
    Unhaar {
        input: View,
        output: View,
        gain: f32,
    },
    /// `output = (high - shift) * exp(-clamp * tanh(scale / 2))`
    Uncouple(Coupling),
    /// `output = a - b`
    Subtract { a: View, b: View, output: View },
    /// `output = input * gain - weight * blur(input)`
    Modulate(Modulate),
    /// Haar analysis.
    Haar {
        input: View,
        output: View,
        gain: f32,
    },
    /// Dense convolution.
    Conv(Conv),
    /// Convolution of each channel with its own kernel.
    Depthwise {
        input: View,
        output: View,
        weight: ParamId,
        size: usize,
    },
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// `output = high * exp(clamp * tanh(scale / 2)) + shift`
    Couple(Coupling),
    /// Nearest up-sampling by two.
    Upsample { input: View, output: View },
    /// `output = input`
    Copy { input: View, output: View },
}

/// What a coupling and its inverse read and write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coupling {
    pub(crate) high: View,
    pub(crate) scale: View,
    pub(crate) shift: View,
    pub(crate) output: View,
    /// Bound of the log scale.
    pub(crate) clamp: f32,
}

/// What a modulation reads and writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Modulate {
    pub(crate) input: View,
    /// One channel for all; has no gradient.
    pub(crate) gain: View,
    /// What is taken away, and the radius of its blur in pixels, 1 or 2. One channel for all; has no gradient.
    pub(crate) blur: Option<(View, usize)>,
    pub(crate) output: View,
}

impl Operation {
    /// The operation of a graph.
    pub(crate) fn of(op: &Op) -> Self {
        match op {
            Op::Haar {
                input,
                output,
                gain,
            } => Self::Haar {
                input: *input,
                output: *output,
                gain: *gain,
            },
            Op::Conv(c) => Self::Conv(c.clone()),
            Op::Depthwise {
                input,
                output,
                weight,
                size,
            } => Self::Depthwise {
                input: *input,
                output: *output,
                weight: *weight,
                size: *size,
            },
            Op::BatchNorm(b) => Self::BatchNorm(b.clone()),
            Op::Couple {
                high,
                scale,
                shift,
                output,
                clamp,
            } => Self::Couple(Coupling {
                high: *high,
                scale: *scale,
                shift: *shift,
                output: *output,
                clamp: *clamp,
            }),
            Op::Upsample { input, output } => Self::Upsample {
                input: *input,
                output: *output,
            },
            Op::Copy { input, output } => Self::Copy {
                input: *input,
                output: *output,
            },
        }
    }

    /// The tensors that get a gradient from it, in the order in which the plan of the backward pass lists them.
    pub(crate) fn inputs(&self) -> Vec<View> {
        match self {
            Self::Haar { input, .. }
            | Self::Unhaar { input, .. }
            | Self::Depthwise { input, .. }
            | Self::Upsample { input, .. }
            | Self::Copy { input, .. } => vec![*input],
            Self::Modulate(m) => vec![m.input],
            Self::Conv(c) => [Some(c.input), c.residual].into_iter().flatten().collect(),
            Self::BatchNorm(b) => [Some(b.input), b.residual].into_iter().flatten().collect(),
            Self::Couple(c) | Self::Uncouple(c) => vec![c.high, c.scale, c.shift],
            Self::Subtract { a, b, .. } => vec![*a, *b],
        }
    }

    /// The tensor it writes.
    pub(crate) fn output(&self) -> View {
        match self {
            Self::Haar { output, .. }
            | Self::Unhaar { output, .. }
            | Self::Depthwise { output, .. }
            | Self::Upsample { output, .. }
            | Self::Subtract { output, .. }
            | Self::Copy { output, .. } => *output,
            Self::Modulate(m) => m.output,
            Self::Conv(c) => c.output,
            Self::BatchNorm(b) => b.output,
            Self::Couple(c) | Self::Uncouple(c) => c.output,
        }
    }

    /// Floats of scratch that it needs; `pixels` of a plane of a view.
    pub(crate) fn scratch_floats(&self, pixels: impl Fn(View) -> usize) -> usize {
        match self {
            Self::Conv(c) => {
                let (i, o) = (c.input.channels, c.output.channels);
                let smaller = pixels(c.input).min(pixels(c.output));
                let sums = ops::sums::scratch_floats(o, pixels(c.output));
                ops::conv::scratch_floats(c.kind, i, o, smaller).max(sums)
            }
            Self::Depthwise { input, size, .. } => {
                ops::depthwise::scratch_floats(input.channels, *size, pixels(*input))
            }
            Self::BatchNorm(b) => ops::sums::scratch_floats(b.input.channels, pixels(b.input)),
            _ => 0,
        }
    }
}
