//! One operation forward.

use super::Trainer;
use crate::CudaError;
use crate::launcher::{Launcher, Map, Put};
use crate::operation::{Coupling, Operation};
use crate::ops::batch_norm::{GainOffset, Running, Saved};
use crate::ops::conv::Epilogue;
use crate::ops::depthwise::Turn;
use crate::ops::elementwise::CoupleInputs;
use crate::ops::modulate::Blur;
use invdet_cpu::training::Statistics;
use invdet_net::graph::{BatchNorm, View};

impl<L: Launcher> Trainer<L> {
    pub(super) fn run(
        &self,
        operation: &Operation,
        saved: Saved,
        statistics: Statistics,
    ) -> Result<(), CudaError> {
        let ops = self.ops();
        match operation {
            Operation::Haar {
                input,
                output,
                gain,
            } => ops.haar_analysis(self.map(*input), self.map(*output), *gain, Put::Set),
            Operation::Unhaar {
                input,
                output,
                gain,
            } => ops.haar_synthesis(self.map(*input), self.map(*output), *gain, Put::Set),
            Operation::Conv(c) => {
                let end = Epilogue {
                    bias: c.bias.map_or(0, |id| self.parameter(id)),
                    residual: self.optional(c.residual),
                    slope: c.activation.slope(),
                };
                let maps = (self.map(c.input), self.map(c.output));
                ops.conv(c.kind, maps, self.parameter(c.weight), &end)
            }
            Operation::Depthwise {
                input,
                output,
                weight,
                size,
            } => {
                let maps = (self.map(*input), self.map(*output));
                ops.depthwise(
                    *size,
                    Turn::AsStored,
                    maps,
                    self.parameter(*weight),
                    Put::Set,
                )
            }
            Operation::BatchNorm(b) => self.normalise(b, saved, statistics),
            Operation::Couple(c) => ops.couple(&self.couple_inputs(c), self.map(c.output)),
            Operation::Uncouple(c) => ops.uncouple(&self.couple_inputs(c), self.map(c.output)),
            Operation::Subtract { a, b, output } => {
                ops.subtract(self.map(*a), self.map(*b), self.map(*output))
            }
            Operation::Modulate(m) => {
                let (input, output) = (self.map(m.input), self.map(m.output));
                ops.modulate(input, self.map(m.gain), self.blur(m.blur), output)
            }
            Operation::Quantize { input, output } => {
                ops.quantize(self.map(*input), self.map(*output))
            }
            Operation::Upsample { input, output } => {
                ops.upsample(self.map(*input), self.map(*output))
            }
            Operation::Copy { input, output } => {
                ops.scaled_copy(self.map(*input), self.map(*output), 1.0, Put::Set)
            }
        }
    }

    fn normalise(
        &self,
        b: &BatchNorm,
        saved: Saved,
        statistics: Statistics,
    ) -> Result<(), CudaError> {
        let ops = self.ops();
        let running = Running {
            mean: self.parameter(b.mean),
            variance: self.parameter(b.variance),
        };
        let x = self.map(b.input);
        ops.batch_norm_statistics(x, running, statistics, saved)?;
        let parameters = GainOffset {
            gain: self.parameter(b.gain),
            offset: self.parameter(b.offset),
        };
        let maps = (x, self.optional(b.residual), self.map(b.output));
        ops.batch_norm(maps, saved, parameters, b.activation.slope())
    }

    pub(super) fn couple_inputs(&self, c: &Coupling) -> CoupleInputs {
        CoupleInputs {
            high: self.map(c.high),
            scale: self.map(c.scale),
            shift: self.map(c.shift),
            clamp: c.clamp,
        }
    }

    pub(super) fn blur(&self, blur: Option<(View, usize)>) -> Option<Blur> {
        blur.map(|(weight, radius)| Blur {
            weight: self.map(weight),
            radius,
        })
    }

    fn optional(&self, view: Option<View>) -> Map {
        view.map_or(Map::NONE, |v| self.map(v))
    }
}
