//! What the executor runs: the operations of `invdet_net::graph` as the kernels take them.
//!
//! [`Operation::of`] is the one place where a new variant of [`Op`] is hooked up.

use crate::ops;
use invdet_net::graph::{BatchNorm, Conv, Op, ParamId, View};

/// One step.
#[derive(Debug, Clone, PartialEq)]
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
    /// Eight-bit quantization and back; its gradient is that of the identity.
    Quantize { input: View, output: View },
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
            Op::Unhaar {
                input,
                output,
                gain,
            } => Self::Unhaar {
                input: *input,
                output: *output,
                gain: *gain,
            },
            Op::Uncouple {
                high,
                scale,
                shift,
                output,
                clamp,
            } => Self::Uncouple(Coupling {
                high: *high,
                scale: *scale,
                shift: *shift,
                output: *output,
                clamp: *clamp,
            }),
            Op::Subtract {
                input,
                other,
                output,
            } => Self::Subtract {
                a: *input,
                b: *other,
                output: *output,
            },
            Op::Modulate {
                input,
                keep,
                blurred,
                output,
            } => Self::Modulate(Modulate {
                input: *input,
                gain: *keep,
                blur: blurred.map(|(weight, blur)| (weight, blur.taps().len() / 2)),
                output: *output,
            }),
            Op::Quantize { input, output } => Self::Quantize {
                input: *input,
                output: *output,
            },
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
            Self::Quantize { .. } => ops::quantize::SCRATCH_FLOATS,
            _ => 0,
        }
    }
}
