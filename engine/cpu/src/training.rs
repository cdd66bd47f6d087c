//! Forward with batch statistics and backward, on a batch.
//!
//! [`Trainer::forward`] keeps every activation; [`Trainer::backward`] starts from the gradients that the loss wrote into
//! [`Trainer::output_gradient_mut`] and leaves the gradient of every parameter in [`Trainer::gradients`]. Which
//! operation writes a gradient first and which add to it is decided once, from the graph. A graph with a backward path has
//! a second way back, from the reconstruction to the InvBlocks, whose gradients are kept apart.

mod plan;

use crate::Engine;
use crate::buffers::Buffers;
use crate::inference::{forward, modulation_maps, pack_into};
use crate::kernels::elementwise::FlatOp;
use crate::ops::{self, Affine, CoupleGradient, Direction, Epilogue, UncoupleGradient};
use crate::planes::Planes;
use invdet_net::graph::{
    Activation, BATCH_NORM_EPS, BatchNorm, Conv, Graph, Op, Outputs, ParamId, View,
};
use invdet_net::weights::Weights;
pub use plan::{BackwardPlan, Step, Write};

/// A graph with memory for a batch, its gradients and the gradients of its parameters.
pub struct Trainer {
    graph: Graph,
    activations: Buffers,
    /// By operation: packed for the forward pass and for input gradients.
    packed: Vec<[Vec<f32>; 2]>,
    /// By operation: statistics of the batch, where it is a normalisation.
    statistics: Vec<Vec<ChannelStatistics>>,
    detection: Descent,
    reconstruction: Option<Descent>,
    images: usize,
    height: usize,
    width: usize,
}

/// The way back from one loss, with gradients of its own.
struct Descent {
    plan: BackwardPlan,
    gradients: Buffers,
    parameters: Vec<Vec<f32>>,
}

impl Descent {
    fn new(graph: &Graph, plan: BackwardPlan, [images, height, width]: [usize; 3]) -> Self {
        Self {
            gradients: Buffers::shared(graph, &plan.lifetimes, images, height, width),
            parameters: graph.params.iter().map(|p| vec![0.0; p.len()]).collect(),
            plan,
        }
    }
}

/// Where the gradient of the detection loss ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At the latents of the invertible stages: the encoder sees nothing of it.
    Latents,
    /// At the first operation.
    Encoder,
    /// At the input image, whose gradient is computed too.
    Input,
}

#[derive(Debug, Clone, Copy, Default)]
struct ChannelStatistics {
    mean: f32,
    inverse_std: f32,
}

/// Weight of the newest batch in the running statistics (PyTorch's `momentum`).
pub const BATCH_NORM_MOMENTUM: f32 = 0.1;

/// How batch normalisation takes its statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// Of the batch; the running ones follow.
    Batch,
    /// The running ones, which stay as they are.
    Frozen,
}

impl Trainer {
    /// Memory for `images` images of `height` x `width` pixels (multiples of 16). A graph with a backward path is trained
    /// on the reconstruction as well.
    pub fn new(graph: &Graph, reach: Reach, images: usize, height: usize, width: usize) -> Self {
        let shape = [images, height, width];
        let plan = BackwardPlan::detection(graph, reach);
        let reconstruction =
            BackwardPlan::reconstruction(graph).map(|plan| Descent::new(graph, plan, shape));
        Self {
            activations: Buffers::separate(graph, images, height, width),
            packed: vec![[Vec::new(), Vec::new()]; graph.ops.len()],
            statistics: graph
                .ops
                .iter()
                .map(|op| match op {
                    Op::BatchNorm(b) => vec![ChannelStatistics::default(); b.input.channels],
                    _ => Vec::new(),
                })
                .collect(),
            detection: Descent::new(graph, plan, shape),
            reconstruction,
            graph: graph.clone(),
            images,
            height,
            width,
        }
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Images of a batch, their height and width.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.images, self.height, self.width)
    }

    /// The batch, `[N, 1, H, W]`, to be filled before [`Trainer::forward`].
    pub fn input_mut(&mut self) -> &mut Planes {
        self.activations.planes_mut(self.graph.input.storage)
    }

    /// Where the heads are.
    pub fn outputs(&self) -> Outputs {
        self.graph.outputs
    }

    /// The activations of the storage that `view` belongs to.
    pub fn activation(&self, view: View) -> &Planes {
        self.activations.planes(view.storage)
    }

    /// Where the loss writes the gradient of an output; every channel of every head must be written.
    pub fn output_gradient_mut(&mut self, view: View) -> &mut Planes {
        self.detection.gradients.planes_mut(view.storage)
    }

    /// As [`Trainer::activation`], to be overwritten.
    pub fn activation_mut(&mut self, view: View) -> &mut Planes {
        self.activations.planes_mut(view.storage)
    }

    /// Gradient of the input, if asked for at construction.
    pub fn input_gradient(&self) -> &Planes {
        self.detection.gradients.planes(self.graph.input.storage)
    }

    /// Gradients of all parameters after [`Trainer::backward`]; zero for running statistics.
    pub fn gradients(&self) -> &[Vec<f32>] {
        &self.detection.parameters
    }

    /// For clipping in place.
    pub fn gradients_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.detection.parameters
    }

    /// Where the gradient of the reconstruction loss is written: of `X_rec`, `[N, 1, H, W]`; `None` without backward path.
    pub fn reconstruction_gradient_mut(&mut self) -> Option<&mut Planes> {
        let output = self.graph.reconstruction.as_ref()?.output;
        let descent = self.reconstruction.as_mut()?;
        Some(descent.gradients.planes_mut(output.storage))
    }

    /// Gradients of all parameters after [`Trainer::backward_reconstruction`]: zero but for the InvBlocks. Empty without
    /// backward path.
    pub fn reconstruction_gradients(&self) -> &[Vec<f32>] {
        self.reconstruction.as_ref().map_or(&[], |d| &d.parameters)
    }

    /// For clipping in place.
    pub fn reconstruction_gradients_mut(&mut self) -> &mut [Vec<f32>] {
        self.reconstruction
            .as_mut()
            .map_or(&mut [], |d| &mut d.parameters)
    }

    /// Bytes of activations and gradients.
    pub fn bytes(&self) -> usize {
        let descents = [Some(&self.detection), self.reconstruction.as_ref()];
        let gradients = descents.into_iter().flatten().map(|d| d.gradients.bytes());
        self.activations.bytes() + gradients.sum::<usize>()
    }

    #[cfg(test)]
    fn padding_is_zero(&self) -> bool {
        let descents = [Some(&self.detection), self.reconstruction.as_ref()];
        self.activations.padding_is_zero()
            && descents
                .into_iter()
                .flatten()
                .all(|d| d.gradients.padding_is_zero())
    }

    /// Runs the batch; with [`Statistics::Batch`] the running statistics in `weights` follow.
    pub fn forward(&mut self, e: &Engine, weights: &mut Weights, statistics: Statistics) {
        for i in 0..self.graph.forward_ops() {
            match &self.graph.ops[i] {
                Op::BatchNorm(b) => {
                    normalise(
                        e,
                        b,
                        &mut self.activations,
                        weights,
                        statistics,
                        &mut self.statistics[i],
                    );
                }
                _ => self.run(e, i, weights),
            }
        }
    }

    /// Runs the backward path from the latents of the last [`Trainer::forward`]; the maps of its modulations (see
    /// [`Trainer::activation_mut`]) must be filled. Does nothing if the graph has none.
    pub fn reconstruct(&mut self, e: &Engine, weights: &Weights) {
        for i in self.graph.forward_ops()..self.graph.ops.len() {
            self.run(e, i, weights);
        }
    }

    fn run(&mut self, e: &Engine, i: usize, weights: &Weights) {
        let (op, packed) = (&self.graph.ops[i], &mut self.packed[i][0]);
        pack_into(packed, Direction::Forward, &self.graph, weights, op);
        forward(e, op, packed, weights, &mut self.activations);
    }

    /// Back from the output gradients to all parameters. Uses the weights of the last [`Trainer::forward`].
    pub fn backward(&mut self, e: &Engine, weights: &Weights, statistics: Statistics) {
        Self::descend(
            e,
            &self.graph,
            weights,
            statistics,
            &mut self.detection,
            &mut self.activations,
            &mut self.packed,
            &self.statistics,
        );
    }

    /// Back from the gradient of `X_rec` to the InvBlocks, through the backward path and the encoder before it. Uses the
    /// weights of the last [`Trainer::forward`] and [`Trainer::reconstruct`].
    pub fn backward_reconstruction(&mut self, e: &Engine, weights: &Weights) {
        if let Some(descent) = &mut self.reconstruction {
            Self::descend(
                e,
                &self.graph,
                weights,
                Statistics::Frozen,
                descent,
                &mut self.activations,
                &mut self.packed,
                &self.statistics,
            );
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of a trainer, borrowed one by one"
    )]
    fn descend(
        e: &Engine,
        graph: &Graph,
        weights: &Weights,
        statistics: Statistics,
        descent: &mut Descent,
        activations: &mut Buffers,
        packed: &mut [[Vec<f32>; 2]],
        saved: &[Vec<ChannelStatistics>],
    ) {
        let Descent {
            plan,
            gradients,
            parameters,
        } = descent;
        parameters.iter_mut().for_each(|g| g.fill(0.0));
        for i in (0..graph.ops.len()).rev() {
            let step = &plan.steps[i];
            for view in &step.clear {
                ops::zero(gradients.map(*view));
            }
            if !step.runs {
                continue;
            }
            let op = &graph.ops[i];
            let packed = &mut packed[i][1];
            pack_into(packed, Direction::InputGradient, graph, weights, op);
            let mut pass = Pass {
                e,
                activations,
                gradients,
                parameter_gradients: parameters,
                packed,
                writes: &step.writes,
            };
            match op {
                Op::Conv(c) => pass.conv(c),
                Op::Depthwise {
                    input,
                    output,
                    weight,
                    size,
                } => pass.depthwise(*input, *output, *weight, *size),
                Op::BatchNorm(b) => pass.batch_norm(b, weights, statistics, &saved[i]),
                Op::Haar {
                    input,
                    output,
                    gain,
                } => {
                    if let Some(add) = pass.destination(0) {
                        let (d_output, d_input) =
                            (pass.gradients.map(*output), pass.gradients.map(*input));
                        ops::haar_gradient(e, d_output, d_input, *gain, add);
                    }
                }
                Op::Couple {
                    high,
                    scale,
                    shift,
                    output,
                    clamp,
                } => {
                    let g = CoupleGradient {
                        clamp: *clamp,
                        d_output: pass.gradients.map(*output),
                        high: pass.activations.map(*high),
                        scale: pass.activations.map(*scale),
                        d_high: pass.gradients.map(*high),
                        add_high: step.writes[0] == Write::Add,
                        d_scale: pass.gradients.map(*scale),
                        d_shift: pass.gradients.map(*shift),
                    };
                    ops::couple_gradient(e, &g);
                }
                Op::Unhaar {
                    input,
                    output,
                    gain,
                } => {
                    if let Some(add) = pass.destination(0) {
                        debug_assert!(!add, "what a synthesis reads, nothing else does");
                        ops::haar(
                            e,
                            pass.gradients.map(*output),
                            pass.gradients.map(*input),
                            *gain,
                        );
                    }
                }
                Op::Uncouple {
                    high,
                    scale,
                    shift,
                    output,
                    clamp,
                } => {
                    let g = UncoupleGradient {
                        clamp: *clamp,
                        d_output: pass.gradients.map(*output),
                        output: pass.activations.map(*output),
                        scale: pass.activations.map(*scale),
                        d_high: pass.gradients.map(*high),
                        add_high: step.writes[0] == Write::Add,
                        d_scale: pass.gradients.map(*scale),
                        d_shift: pass.gradients.map(*shift),
                    };
                    ops::uncouple_gradient(e, &g);
                }
                Op::Subtract {
                    input,
                    other,
                    output,
                } => {
                    pass.pass_on(0, *output, *input);
                    let (d_output, d_other) =
                        (pass.gradients.map(*output), pass.gradients.map(*other));
                    debug_assert_eq!(step.writes[1], Write::Set);
                    ops::flat_op(e, FlatOp::Negate, d_other, d_output, None, None);
                }
                Op::Modulate {
                    input,
                    keep,
                    blurred,
                    output,
                } => {
                    if let Some(add) = pass.destination(0) {
                        let maps = modulation_maps(pass.activations, *keep, *blurred);
                        let (d_output, d_input) =
                            (pass.gradients.map(*output), pass.gradients.map(*input));
                        ops::modulate_gradient(e, d_output, maps, d_input, add);
                    }
                }
                Op::Quantize { input, output } => pass.pass_on(0, *output, *input),
                Op::Upsample { input, output } => {
                    if let Some(add) = pass.destination(0) {
                        ops::upsample2_gradient(
                            e,
                            pass.gradients.map(*output),
                            pass.gradients.map(*input),
                            add,
                        );
                    }
                }
                Op::Copy { input, output } => pass.pass_on(0, *output, *input),
            }
        }
    }
}

/// `y = act(gain * (x - mean) / std + offset + residual)`
fn normalise(
    e: &Engine,
    b: &BatchNorm,
    buffers: &mut Buffers,
    weights: &mut Weights,
    statistics: Statistics,
    saved: &mut [ChannelStatistics],
) {
    let (x, output) = (buffers.map(b.input), buffers.map(b.output));
    let residual = b.residual.map(|r| buffers.map(r));
    if statistics == Statistics::Batch {
        let mut sums = vec![[0.0f64; 2]; b.input.channels];
        ops::channel_sums(e, x, Some(x), &mut sums);
        let n = (x.images * x.geometry.h * x.geometry.w) as f64;
        for (c, [sum, squares]) in sums.into_iter().enumerate() {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            saved[c] = ChannelStatistics {
                mean: mean as f32,
                inverse_std: (1.0 / (variance + f64::from(BATCH_NORM_EPS)).sqrt()) as f32,
            };
            let unbiased = variance * n / (n - 1.0).max(1.0);
            let follow = |running: &mut f32, now: f64| {
                *running += BATCH_NORM_MOMENTUM * (now as f32 - *running)
            };
            follow(&mut weights.tensors[b.mean.0][c], mean);
            follow(&mut weights.tensors[b.variance.0][c], unbiased);
        }
    } else {
        for (c, s) in saved.iter_mut().enumerate() {
            let variance = weights.tensors[b.variance.0][c];
            let inverse_std = 1.0 / (variance + BATCH_NORM_EPS).sqrt();
            *s = ChannelStatistics {
                mean: weights.tensors[b.mean.0][c],
                inverse_std,
            };
        }
    }
    let (gain, offset) = (&weights.tensors[b.gain.0], &weights.tensors[b.offset.0]);
    let coefficients: Vec<Affine> = saved
        .iter()
        .enumerate()
        .map(|(c, s)| {
            let x_gain = gain[c] * s.inverse_std;
            Affine {
                x_gain,
                y_gain: 0.0,
                offset: offset[c] - s.mean * x_gain,
            }
        })
        .collect();
    ops::affine_channels(
        e,
        &coefficients,
        x,
        None,
        residual,
        output,
        b.activation.slope(),
    );
}

/// One operation of the backward pass.
struct Pass<'a> {
    e: &'a Engine,
    activations: &'a mut Buffers,
    gradients: &'a mut Buffers,
    parameter_gradients: &'a mut [Vec<f32>],
    packed: &'a [f32],
    /// By input of the operation.
    writes: &'a [Write],
}

impl Pass<'_> {
    /// Whether to add to the gradient of input `i`; `None` if nobody wants it.
    fn destination(&self, i: usize) -> Option<bool> {
        match self.writes[i] {
            Write::Skip => None,
            Write::Set => Some(false),
            Write::Add => Some(true),
        }
    }

    /// Sends the gradient of `output` on to input `i` as it is.
    fn pass_on(&mut self, i: usize, output: View, input: View) {
        let op = match self.destination(i) {
            None => return,
            Some(false) => FlatOp::Copy,
            Some(true) => FlatOp::Accumulate,
        };
        ops::flat_op(
            self.e,
            op,
            self.gradients.map(input),
            self.gradients.map(output),
            None,
            None,
        );
    }

    /// In place: the gradient before the activation.
    fn through_activation(&mut self, activation: Activation, output: View) {
        if activation != Activation::Linear {
            let op = FlatOp::ActivationGrad {
                slope: activation.slope(),
            };
            ops::flat_op(
                self.e,
                op,
                self.gradients.map(output),
                self.activations.map(output),
                None,
                None,
            );
        }
    }

    fn conv(&mut self, c: &Conv) {
        self.through_activation(c.activation, c.output);
        if let Some(r) = c.residual {
            self.pass_on(1, c.output, r);
        }
        let d_output = self.gradients.map(c.output);
        if let Some(bias) = c.bias {
            let mut sums = vec![[0.0; 2]; c.output.channels];
            ops::channel_sums(self.e, d_output, None, &mut sums);
            for (g, s) in self.parameter_gradients[bias.0].iter_mut().zip(sums) {
                *g += s[0] as f32;
            }
        }
        let input = self.activations.map(c.input);
        ops::weight_gradient(
            self.e,
            c.kind,
            input,
            d_output,
            &mut self.parameter_gradients[c.weight.0],
        );
        if let Some(add) = self.destination(0) {
            let d_input = self.gradients.map(c.input);
            let end = Epilogue {
                residual: add.then_some(d_input),
                ..Epilogue::NONE
            };
            ops::convolve(
                self.e,
                c.kind,
                Direction::InputGradient,
                d_output,
                d_input,
                self.packed,
                &end,
            );
        }
    }

    fn depthwise(&mut self, input: View, output: View, weight: ParamId, size: usize) {
        let d_output = self.gradients.map(output);
        let x = self.activations.map(input);
        ops::depthwise_weight_gradient(
            self.e,
            size,
            x,
            d_output,
            &mut self.parameter_gradients[weight.0],
        );
        if let Some(add) = self.destination(0) {
            ops::depthwise(
                self.e,
                size,
                d_output,
                self.gradients.map(input),
                self.packed,
                add,
            );
        }
    }

    /// With `s = gain / std`, `x^ = (x - mean) / std`, `m` values a channel:
    /// `dx = s * (dy - sum(dy) / m - x^ * sum(dy * x^) / m)`; with frozen statistics `dx = s * dy`.
    fn batch_norm(
        &mut self,
        b: &BatchNorm,
        weights: &Weights,
        mode: Statistics,
        saved: &[ChannelStatistics],
    ) {
        self.through_activation(b.activation, b.output);
        if let Some(r) = b.residual {
            self.pass_on(1, b.output, r);
        }
        let (d_output, x) = (self.gradients.map(b.output), self.activations.map(b.input));
        let mut sums = vec![[0.0; 2]; b.input.channels];
        ops::channel_sums(self.e, d_output, Some(x), &mut sums);
        let m = (x.images * x.geometry.h * x.geometry.w) as f64;
        let mut coefficients = vec![Affine::default(); b.input.channels];
        for (c, ([dy, dy_x], s)) in sums.into_iter().zip(saved).enumerate() {
            let (mean, inverse_std) = (f64::from(s.mean), f64::from(s.inverse_std));
            let dy_xhat = (dy_x - mean * dy) * inverse_std;
            self.parameter_gradients[b.offset.0][c] += dy as f32;
            self.parameter_gradients[b.gain.0][c] += dy_xhat as f32;
            let scale = f64::from(weights.tensors[b.gain.0][c]) * inverse_std;
            coefficients[c] = match mode {
                Statistics::Frozen => Affine {
                    x_gain: scale as f32,
                    y_gain: 0.0,
                    offset: 0.0,
                },
                Statistics::Batch => {
                    let x_slope = -scale * inverse_std * dy_xhat / m;
                    Affine {
                        x_gain: scale as f32,
                        y_gain: x_slope as f32,
                        offset: (-scale * dy / m - x_slope * mean) as f32,
                    }
                }
            };
        }
        if let Some(add) = self.destination(0) {
            let d_input = self.gradients.map(b.input);
            let residual = add.then_some(d_input);
            ops::affine_channels(
                self.e,
                &coefficients,
                d_output,
                Some(x),
                residual,
                d_input,
                1.0,
            );
        }
    }
}

#[cfg(test)]
mod tests;
