//! The forward path on one image: the folded graph, memory laid out once, no allocation per image.

use crate::Engine;
use crate::buffers::{Buffers, Lifetime};
use crate::kernels::elementwise::FlatOp;
use crate::ops::{self, Direction, Epilogue};
use crate::planes::Planes;
use invdet_net::config::STRIDE;
use invdet_net::decode::{HeadMaps, Map};
use invdet_net::fold::fold;
use invdet_net::graph::{Blur, Graph, Op, ParamId, View};
use invdet_net::weights::Weights;

/// A network ready to run on images of one padded size.
pub struct Network {
    graph: Graph,
    weights: Weights,
    /// By operation.
    packed: Vec<Vec<f32>>,
    lifetimes: Vec<Option<Lifetime>>,
    buffers: Buffers,
    height: usize,
    width: usize,
}

/// Height or width rounded up to what the network takes.
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(STRIDE)
}

impl Network {
    /// Folds and packs `weights`; `height` and `width` are the image's, before padding.
    pub fn new(graph: &Graph, weights: &Weights, height: usize, width: usize) -> Self {
        let (graph, weights) = fold(graph, weights);
        let packed = graph
            .ops
            .iter()
            .map(|op| pack_forward(&graph, &weights, op))
            .collect();
        let lifetimes = lifetimes(&graph);
        let (height, width) = (padded(height.max(1)), padded(width.max(1)));
        let buffers = Buffers::shared(&graph, &lifetimes, 1, height, width);
        Self {
            graph,
            weights,
            packed,
            lifetimes,
            buffers,
            height,
            width,
        }
    }

    /// Lays memory out for another image size; does nothing if the padded size stays.
    pub fn resize(&mut self, height: usize, width: usize) {
        let (height, width) = (padded(height.max(1)), padded(width.max(1)));
        if (height, width) != (self.height, self.width) {
            self.buffers = Buffers::shared(&self.graph, &self.lifetimes, 1, height, width);
            (self.height, self.width) = (height, width);
        }
    }

    /// Padded height and width.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Bytes of activations.
    pub fn activation_bytes(&self) -> usize {
        self.buffers.bytes()
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.graph.macs(self.height, self.width).iter().sum()
    }

    /// The normalised image, `[1, 1, H, W]`, to be filled before [`Network::run`].
    pub fn input_mut(&mut self) -> &mut Planes {
        self.buffers.planes_mut(self.graph.input.storage)
    }

    /// One forward pass.
    pub fn run(&mut self, engine: &Engine) {
        for (op, packed) in self.graph.ops.iter().zip(&self.packed) {
            forward(engine, op, packed, &self.weights, &mut self.buffers);
        }
    }

    /// As [`Network::run`], calling `after(index, operation, seconds)` after each operation; for profiling.
    pub fn run_timed(&mut self, engine: &Engine, mut after: impl FnMut(usize, &Op, f64)) {
        for (i, (op, packed)) in self.graph.ops.iter().zip(&self.packed).enumerate() {
            let start = std::time::Instant::now();
            forward(engine, op, packed, &self.weights, &mut self.buffers);
            after(i, op, start.elapsed().as_secs_f64());
        }
    }

    /// The folded graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Head outputs of the last run.
    pub fn heads(&self) -> HeadMaps<'_> {
        let o = &self.graph.outputs;
        HeadMaps {
            heat: self.output(o.heat, 0),
            off: [self.output(o.off, 0), self.output(o.off, 1)],
            size: [self.output(o.size, 0), self.output(o.size, 1)],
        }
    }

    /// Mask logits of the last run, padded size.
    pub fn mask(&self) -> Map<'_> {
        self.output(self.graph.outputs.mask, 0)
    }

    fn output(&self, view: View, channel: usize) -> Map<'_> {
        let planes = self.buffers.planes(view.storage);
        let g = planes.geometry();
        Map {
            data: planes.tail(view.first + channel),
            stride: g.row,
            w: g.w,
            h: g.h,
        }
    }
}

/// Packed weights of an operation; empty where it has none.
pub(crate) fn pack_forward(graph: &Graph, weights: &Weights, op: &Op) -> Vec<f32> {
    let mut packed = Vec::new();
    pack_into(&mut packed, Direction::Forward, graph, weights, op);
    packed
}

pub(crate) fn pack_into(
    packed: &mut Vec<f32>,
    direction: Direction,
    graph: &Graph,
    weights: &Weights,
    op: &Op,
) {
    debug_assert!(
        graph.params.len() == weights.tensors.len(),
        "weights of another graph"
    );
    match op {
        Op::Conv(c) => {
            let weight = &weights.tensors[c.weight.0];
            ops::pack_conv(
                packed,
                c.kind,
                direction,
                weight,
                c.input.channels,
                c.output.channels,
            );
        }
        Op::Depthwise { input, weight, .. } => {
            ops::pack_depthwise(
                packed,
                direction,
                &weights.tensors[weight.0],
                input.channels,
            );
        }
        _ => {}
    }
}

/// Runs one operation; batch normalisation with its running statistics.
pub(crate) fn forward(
    e: &Engine,
    op: &Op,
    packed: &[f32],
    weights: &Weights,
    buffers: &mut Buffers,
) {
    let of = |id: ParamId| weights.tensors[id.0].as_slice();
    match op {
        Op::Haar {
            input,
            output,
            gain,
        } => ops::haar(e, buffers.map(*input), buffers.map(*output), *gain),
        Op::Unhaar {
            input,
            output,
            gain,
        } => {
            // The synthesis is the adjoint of the analysis, with a gain of its own.
            ops::haar_gradient(e, buffers.map(*input), buffers.map(*output), *gain, false);
        }
        Op::Conv(c) => {
            let end = Epilogue {
                bias: c.bias.map(of),
                residual: c.residual.map(|r| buffers.map(r)),
                slope: c.activation.slope(),
            };
            let (input, output) = (buffers.map(c.input), buffers.map(c.output));
            ops::convolve(e, c.kind, Direction::Forward, input, output, packed, &end);
        }
        Op::Depthwise {
            input,
            output,
            size,
            ..
        } => {
            ops::depthwise(
                e,
                *size,
                buffers.map(*input),
                buffers.map(*output),
                packed,
                false,
            );
        }
        Op::BatchNorm(b) => {
            let coefficients: Vec<ops::Affine> = (0..b.input.channels)
                .map(|c| {
                    let k = of(b.gain)[c]
                        / (of(b.variance)[c] + invdet_net::graph::BATCH_NORM_EPS).sqrt();
                    ops::Affine {
                        x_gain: k,
                        y_gain: 0.0,
                        offset: of(b.offset)[c] - of(b.mean)[c] * k,
                    }
                })
                .collect();
            let residual = b.residual.map(|r| buffers.map(r));
            let (input, output) = (buffers.map(b.input), buffers.map(b.output));
            ops::affine_channels(
                e,
                &coefficients,
                input,
                None,
                residual,
                output,
                b.activation.slope(),
            );
        }
        Op::Couple {
            high,
            scale,
            shift,
            output,
            clamp,
        }
        | Op::Uncouple {
            high,
            scale,
            shift,
            output,
            clamp,
        } => {
            let (high, scale) = (buffers.map(*high), buffers.map(*scale));
            let (shift, output) = (buffers.map(*shift), buffers.map(*output));
            let coupling = match op {
                Op::Uncouple { .. } => FlatOp::Uncouple { clamp: *clamp },
                _ => FlatOp::Couple { clamp: *clamp },
            };
            ops::flat_op(e, coupling, output, high, Some(scale), Some(shift));
        }
        Op::Subtract {
            input,
            other,
            output,
        } => {
            let (input, other) = (buffers.map(*input), buffers.map(*other));
            let output = buffers.map(*output);
            ops::flat_op(e, FlatOp::Subtract, output, input, Some(other), None);
        }
        Op::Modulate {
            input,
            keep,
            blurred,
            output,
        } => {
            let maps = modulation_maps(buffers, *keep, *blurred);
            ops::modulate(e, buffers.map(*input), maps, buffers.map(*output));
        }
        Op::Quantize { input, output } => {
            ops::quantize(e, buffers.map(*input), buffers.map(*output));
        }
        Op::Upsample { input, output } => {
            ops::upsample2(e, buffers.map(*input), buffers.map(*output))
        }
        Op::Copy { input, output } => {
            ops::flat_op(
                e,
                FlatOp::Copy,
                buffers.map(*output),
                buffers.map(*input),
                None,
                None,
            );
        }
    }
}

pub(crate) fn modulation_maps(
    buffers: &mut Buffers,
    keep: View,
    blurred: Option<(View, Blur)>,
) -> ops::Maps {
    ops::Maps {
        keep: buffers.map(keep),
        blurred: blurred.map(|(map, blur)| (buffers.map(map), blur)),
    }
}

/// From the operation that first writes a storage to the one that last reads it; inputs and outputs stay.
fn lifetimes(graph: &Graph) -> Vec<Option<Lifetime>> {
    let mut lives: Vec<Option<Lifetime>> = vec![None; graph.storages.len()];
    // The input is filled before operation 0, which is step 1.
    lives[graph.input.storage] = Some(Lifetime {
        first: 0,
        last: usize::MAX,
    });
    for (i, op) in graph.ops.iter().enumerate() {
        for view in op.inputs().into_iter().chain([op.output()]) {
            let life = lives[view.storage].get_or_insert(Lifetime {
                first: i + 1,
                last: i + 1,
            });
            life.last = life.last.max(i + 1);
        }
    }
    let o = &graph.outputs;
    for view in [o.heat, o.off, o.size, o.mask] {
        if let Some(life) = &mut lives[view.storage] {
            life.last = usize::MAX;
        }
    }
    lives
}

#[cfg(test)]
mod tests;
