//! One operation backward.

use super::Trainer;
use crate::CudaError;
use crate::launcher::{Launcher, Map, Put};
use crate::operation::{Coupling, Operation};
use crate::ops::batch_norm::{GainOffset, Saved};
use crate::ops::depthwise::Turn;
use crate::ops::elementwise::CoupleGradients;
use invdet_cpu::training::Statistics;
use invdet_net::graph::{Activation, BatchNorm, Conv, ParamId, View};

/// By input of the operation; `None` if nobody wants its gradient.
type Puts = [Option<Put>];

impl<L: Launcher> Trainer<L> {
    pub(super) fn run_back(
        &self,
        operation: &Operation,
        puts: &Puts,
        saved: Saved,
        statistics: Statistics,
    ) -> Result<(), CudaError> {
        let ops = self.ops();
        match operation {
            Operation::Conv(c) => self.conv_back(c, puts),
            Operation::BatchNorm(b) => self.normalise_back(b, puts, saved, statistics),
            Operation::Depthwise {
                input,
                output,
                weight,
                size,
            } => self.depthwise_back((*input, *output), *weight, *size, puts),
            Operation::Couple(c) => {
                let to = self.couple_gradients(c, puts);
                ops.couple_gradient(&self.couple_inputs(c), self.gradient(c.output), &to)
            }
            Operation::Uncouple(c) => {
                let to = self.couple_gradients(c, puts);
                ops.uncouple_gradient(&self.couple_inputs(c), self.gradient(c.output), &to)
            }
            Operation::Subtract { a, b, output } => {
                self.pass_on(puts[0], *output, *a, 1.0)?;
                self.pass_on(puts[1], *output, *b, -1.0)
            }
            Operation::Haar {
                input,
                output,
                gain,
            } => match puts[0] {
                Some(put) => {
                    ops.haar_synthesis(self.gradient(*output), self.gradient(*input), *gain, put)
                }
                None => Ok(()),
            },
            Operation::Unhaar {
                input,
                output,
                gain,
            } => match puts[0] {
                Some(put) => {
                    ops.haar_analysis(self.gradient(*output), self.gradient(*input), *gain, put)
                }
                None => Ok(()),
            },
            Operation::Modulate(m) => match puts[0] {
                Some(put) => ops.modulate_gradient(
                    self.gradient(m.output),
                    self.map(m.gain),
                    self.blur(m.blur),
                    (self.gradient(m.input), put),
                ),
                None => Ok(()),
            },
            Operation::Upsample { input, output } => match puts[0] {
                Some(put) => {
                    ops.upsample_gradient(self.gradient(*output), self.gradient(*input), put)
                }
                None => Ok(()),
            },
            // Straight through: the rounding counts as the identity.
            Operation::Quantize { input, output } | Operation::Copy { input, output } => {
                self.pass_on(puts[0], *output, *input, 1.0)
            }
        }
    }

    /// Sends the gradient of `output` on to `input`, times `factor`.
    fn pass_on(
        &self,
        put: Option<Put>,
        output: View,
        input: View,
        factor: f32,
    ) -> Result<(), CudaError> {
        let Some(put) = put else {
            return Ok(());
        };
        self.ops()
            .scaled_copy(self.gradient(output), self.gradient(input), factor, put)
    }

    /// In place: the gradient before the activation; and that of the residual.
    fn before_activation(
        &self,
        activation: Activation,
        output: View,
        residual: Option<View>,
        puts: &Puts,
    ) -> Result<Map, CudaError> {
        let d_output = self.gradient(output);
        if activation != Activation::Linear {
            let y = self.map(output);
            self.ops()
                .activation_gradient(d_output, y, activation.slope())?;
        }
        if let Some(residual) = residual {
            self.pass_on(puts[1], output, residual, 1.0)?;
        }
        Ok(d_output)
    }

    fn conv_back(&self, c: &Conv, puts: &Puts) -> Result<(), CudaError> {
        let ops = self.ops();
        let d_output = self.before_activation(c.activation, c.output, c.residual, puts)?;
        if let Some(bias) = c.bias {
            ops.bias_gradient(d_output, self.parameter_gradient(bias))?;
        }
        let gradient = self.parameter_gradient(c.weight);
        ops.conv_weight_gradient(c.kind, self.map(c.input), d_output, gradient)?;
        match puts[0] {
            Some(put) => {
                let maps = (d_output, self.gradient(c.input));
                ops.conv_input_gradient(c.kind, maps, self.parameter(c.weight), put)
            }
            None => Ok(()),
        }
    }

    fn depthwise_back(
        &self,
        (input, output): (View, View),
        weight: ParamId,
        size: usize,
        puts: &Puts,
    ) -> Result<(), CudaError> {
        let (ops, d_output) = (self.ops(), self.gradient(output));
        let gradient = self.parameter_gradient(weight);
        ops.depthwise_weight(size, self.map(input), d_output, gradient)?;
        match puts[0] {
            Some(put) => {
                let maps = (d_output, self.gradient(input));
                ops.depthwise(size, Turn::Turned, maps, self.parameter(weight), put)
            }
            None => Ok(()),
        }
    }

    fn normalise_back(
        &self,
        b: &BatchNorm,
        puts: &Puts,
        saved: Saved,
        statistics: Statistics,
    ) -> Result<(), CudaError> {
        let d_output = self.before_activation(b.activation, b.output, b.residual, puts)?;
        let gradients = GainOffset {
            gain: self.parameter_gradient(b.gain),
            offset: self.parameter_gradient(b.offset),
        };
        self.ops().batch_norm_gradient(
            (d_output, self.map(b.input)),
            (saved, statistics),
            self.parameter(b.gain),
            gradients,
            puts[0].map(|put| (self.gradient(b.input), put)),
        )
    }

    fn couple_gradients(&self, c: &Coupling, puts: &Puts) -> CoupleGradients {
        let to = |i: usize, view: View| match puts[i] {
            Some(put) => (self.gradient(view), put),
            None => (Map::NONE, Put::Set),
        };
        CoupleGradients {
            high: to(0, c.high),
            scale: to(1, c.scale),
            shift: to(2, c.shift),
        }
    }
}
