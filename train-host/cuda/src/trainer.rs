//! Forward with batch statistics and backward, on a batch, in the memory of a device.
//!
//! The same operations as `invdet_cpu::training::Trainer`, each of which can fail here. Layout: plain `[N, C, H, W]`,
//! no padding. The input and the heads have twins on the host, in the CPU's layout, so that one loss serves both.

mod backward;
mod forward;
mod memory;

use crate::CudaError;
use crate::launcher::{Launcher, Map};
use crate::operation::Operation;
use crate::ops::batch_norm::{Saved, saved_floats};
use crate::ops::{FLOAT, Ops};
use crate::plan::Plan;
use invdet_cpu::planes::{Geometry, Planes};
use invdet_cpu::training::Statistics;
use invdet_net::graph::{Graph, Outputs, ParamId, View};
use invdet_net::weights::Weights;
pub(crate) use memory::MOST_VALUES;
use memory::{Parameters, Tensor};

/// A graph with memory for a batch, its gradients and the gradients of its parameters, on a device.
pub struct Trainer<L: Launcher> {
    launcher: L,
    graph: Graph,
    operations: Vec<Operation>,
    plan: Plan,
    /// By storage.
    activations: Vec<Tensor<L::Buffer>>,
    /// By storage; none where nobody wants it.
    gradients: Vec<Option<Tensor<L::Buffer>>>,
    parameters: Parameters<L::Buffer>,
    /// Statistics of all normalisations, and by operation the first float of its own.
    statistics: L::Buffer,
    saved: Vec<usize>,
    scratch: L::Buffer,
    input: Planes,
    heads: Vec<Head>,
    images: usize,
    height: usize,
    width: usize,
}

/// The host's twin of a storage that the loss reads.
struct Head {
    storage: usize,
    activation: Planes,
    gradient: Planes,
}

/// The tensors that the loss reads, and whose gradients it writes.
fn head_views(outputs: &Outputs) -> [View; 4] {
    [outputs.heat, outputs.off, outputs.size, outputs.mask]
}

impl<L: Launcher> Trainer<L> {
    /// Memory for `images` images of `height` x `width` pixels (multiples of 16).
    ///
    /// # Errors
    /// Tensors too large to index or for the memory of the device.
    pub fn new(
        launcher: L,
        graph: &Graph,
        images: usize,
        height: usize,
        width: usize,
    ) -> Result<Self, CudaError> {
        let operations = graph.ops.iter().map(Operation::of).collect();
        let constants = [graph.input.storage];
        Self::with(
            launcher,
            graph,
            operations,
            &constants,
            [images, height, width],
        )
    }

    /// As [`Trainer::new`], and [`Trainer::backward`] computes the gradient of the input too.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_input_gradient(
        launcher: L,
        graph: &Graph,
        images: usize,
        height: usize,
        width: usize,
    ) -> Result<Self, CudaError> {
        let operations = graph.ops.iter().map(Operation::of).collect();
        Self::with(launcher, graph, operations, &[], [images, height, width])
    }

    /// Storages, parameters and outputs of `graph`, but `operations`; no gradient for the storages in `constants`.
    pub(crate) fn with(
        launcher: L,
        graph: &Graph,
        operations: Vec<Operation>,
        constants: &[usize],
        [images, height, width]: [usize; 3],
    ) -> Result<Self, CudaError> {
        memory::check(graph, &operations, [images, height, width])?;
        let heads = head_views(&graph.outputs);
        let plan = Plan::new(&graph.storages, &operations, &heads, constants);
        let tensor = |storage: usize| {
            let s = &graph.storages[storage];
            let shape = [images, s.channels, height >> s.level, width >> s.level];
            Tensor::zeros(&launcher, shape)
        };
        let mut activations = Vec::with_capacity(graph.storages.len());
        let mut gradients = Vec::with_capacity(graph.storages.len());
        for (storage, used) in plan.used.iter().enumerate() {
            activations.push(tensor(storage)?);
            gradients.push(used.then(|| tensor(storage)).transpose()?);
        }
        let pixels = |v: View| {
            let level = graph.storages[v.storage].level;
            (height >> level) * (width >> level)
        };
        let scratch = operations.iter().map(|o| o.scratch_floats(pixels));
        let scratch = launcher.zeros(scratch.max().unwrap_or(0).max(1))?;
        let channels = |o: &Operation| match o {
            Operation::BatchNorm(b) => saved_floats(b.input.channels),
            _ => 0,
        };
        let all: usize = operations.iter().map(channels).sum();
        let statistics = launcher.zeros(all.max(1))?;
        let mut next = 0;
        let saved = operations
            .iter()
            .map(|o| {
                let first = next;
                next += channels(o);
                first
            })
            .collect();
        let planes = |storage: usize| {
            let s = &graph.storages[storage];
            let geometry = Geometry::new(height >> s.level, width >> s.level);
            Planes::zeros(images, s.channels, geometry)
        };
        let mut storages: Vec<usize> = heads.iter().map(|v| v.storage).collect();
        storages.sort_unstable();
        storages.dedup();
        let heads = storages
            .into_iter()
            .map(|storage| Head {
                storage,
                activation: planes(storage),
                gradient: planes(storage),
            })
            .collect();
        Ok(Self {
            parameters: Parameters::new(&launcher, &graph.params)?,
            input: planes(graph.input.storage),
            launcher,
            graph: graph.clone(),
            operations,
            plan,
            activations,
            gradients,
            statistics,
            saved,
            scratch,
            heads,
            images,
            height,
            width,
        })
    }

    /// What runs it.
    pub fn launcher(&self) -> &L {
        &self.launcher
    }

    /// Images of a batch, their height and width.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.images, self.height, self.width)
    }

    /// The batch, `[N, 1, H, W]`, to be filled before [`Trainer::forward`].
    pub fn input_mut(&mut self) -> &mut Planes {
        &mut self.input
    }

    /// Where the heads are.
    pub fn outputs(&self) -> Outputs {
        self.graph.outputs
    }

    /// The activations of the storage that the output `view` belongs to, after [`Trainer::forward`].
    ///
    /// # Panics
    /// If `view` is not one of [`Trainer::outputs`]; [`Trainer::download`] copies any other.
    pub fn activation(&self, view: View) -> &Planes {
        &self.heads[self.head(view)].activation
    }

    /// Where the loss writes the gradient of an output; every channel of every head must be written.
    ///
    /// # Panics
    /// If `view` is not one of [`Trainer::outputs`].
    pub fn output_gradient_mut(&mut self, view: View) -> &mut Planes {
        let head = self.head(view);
        &mut self.heads[head].gradient
    }

    fn head(&self, view: View) -> usize {
        let found = self.heads.iter().position(|h| h.storage == view.storage);
        assert!(found.is_some(), "{view:?} is not an output");
        found.unwrap_or_default()
    }

    /// Copies the activations of the storage of any view, `[N, C, H, W]`.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn download(&self, view: View) -> Result<Vec<f32>, CudaError> {
        self.activations[view.storage].download(&self.launcher)
    }

    /// Overwrites the storage of any view with `[N, C, H, W]` values: what is neither input nor computed.
    ///
    /// # Errors
    /// A failure of the device.
    ///
    /// # Panics
    /// If there are not as many values.
    pub fn upload(&mut self, view: View, values: &[f32]) -> Result<(), CudaError> {
        self.activations[view.storage].upload(&self.launcher, values)
    }

    /// Gradient of the input, `[N, 1, H, W]`, after [`Trainer::backward`]; empty unless asked for at construction.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn input_gradient(&self) -> Result<Vec<f32>, CudaError> {
        match &self.gradients[self.graph.input.storage] {
            Some(tensor) => tensor.download(&self.launcher),
            None => Ok(Vec::new()),
        }
    }

    /// Gradients of all parameters after [`Trainer::backward`]; zero for running statistics.
    pub fn gradients(&self) -> &[Vec<f32>] {
        &self.parameters.gradients
    }

    /// For clipping in place.
    pub fn gradients_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.parameters.gradients
    }

    /// Bytes on the device of activations and gradients.
    pub fn bytes(&self) -> usize {
        let gradients = self.gradients.iter().flatten();
        4 * self
            .activations
            .iter()
            .chain(gradients)
            .map(Tensor::values)
            .sum::<usize>()
    }

    /// Runs the batch; with [`Statistics::Batch`] the running statistics in `weights` follow.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn forward(
        &mut self,
        weights: &mut Weights,
        statistics: Statistics,
    ) -> Result<(), CudaError> {
        let input = self.input.to_dense();
        self.activations[self.graph.input.storage].upload(&self.launcher, &input)?;
        self.parameters.upload(&self.launcher, weights)?;
        for (i, operation) in self.operations.iter().enumerate() {
            self.run(operation, self.saved(i), statistics)?;
        }
        for head in &mut self.heads {
            let values = self.activations[head.storage].download(&self.launcher)?;
            head.activation.fill_from(&values);
        }
        if statistics == Statistics::Batch {
            self.parameters
                .download_statistics(&self.launcher, &self.graph.params, weights)?;
        }
        Ok(())
    }

    /// Back from the output gradients to all parameters. Uses the weights and activations of the last
    /// [`Trainer::forward`].
    ///
    /// # Errors
    /// A failure of the device.
    pub fn backward(&mut self, statistics: Statistics) -> Result<(), CudaError> {
        for head in &self.heads {
            if let Some(tensor) = &mut self.gradients[head.storage] {
                tensor.upload(&self.launcher, &head.gradient.to_dense())?;
            }
        }
        self.parameters.clear_gradients(&self.launcher)?;
        for (i, operation) in self.operations.iter().enumerate().rev() {
            let step = &self.plan.steps[i];
            for view in &step.clear {
                self.ops().clear(self.gradient(*view))?;
            }
            if step.runs {
                self.run_back(operation, &step.puts, self.saved(i), statistics)?;
            }
        }
        self.parameters.download_gradients(&self.launcher)
    }

    fn ops(&self) -> Ops<'_, L> {
        Ops {
            launcher: &self.launcher,
            scratch: self.launcher.address(&self.scratch),
        }
    }

    fn saved(&self, operation: usize) -> Saved {
        let first = self.saved[operation];
        Saved(self.launcher.address(&self.statistics) + FLOAT * first as u64)
    }

    fn map(&self, view: View) -> Map {
        self.activations[view.storage].map(&self.launcher, view)
    }

    fn gradient(&self, view: View) -> Map {
        match &self.gradients[view.storage] {
            Some(tensor) => tensor.map(&self.launcher, view),
            None => Map::NONE,
        }
    }

    /// Address of a parameter.
    fn parameter(&self, id: ParamId) -> u64 {
        self.parameters.address(&self.launcher, id)
    }

    /// Address of the gradient of a parameter.
    fn parameter_gradient(&self, id: ParamId) -> u64 {
        self.parameters.gradient_address(&self.launcher, id)
    }
}
