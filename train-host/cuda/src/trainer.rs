//! Forward with batch statistics and backward, on a batch, in the memory of a device.
//!
//! The same operations as `invdet_cpu::training::Trainer`, each of which can fail here, and its backward plans. Layout:
//! plain `[N, C, H, W]`, no padding. What the losses read and write has twins on the host, in the CPU's layout, so that one
//! loss and one guidance serve both.

mod backward;
mod forward;
mod memory;

use crate::CudaError;
use crate::launcher::{Launcher, Map, Put};
use crate::operation::Operation;
use crate::ops::batch_norm::{Saved, saved_floats};
use crate::ops::{FLOAT, Ops};
use invdet_cpu::planes::{Geometry, Planes};
use invdet_cpu::training::{BackwardPlan, Reach, Statistics, Write};
use invdet_net::graph::{Graph, Outputs, ParamId, View};
use invdet_net::weights::Weights;
pub(crate) use memory::MOST_VALUES;
use memory::{Parameters, Tensor};
use std::ops::Range;

/// A graph with memory for a batch, its gradients and the gradients of its parameters, on a device.
pub struct Trainer<L: Launcher> {
    launcher: L,
    graph: Graph,
    operations: Vec<Operation>,
    /// By storage.
    activations: Vec<Tensor<L::Buffer>>,
    /// By storage; none where nobody wants it. One descent after the other uses them.
    gradients: Vec<Option<Tensor<L::Buffer>>>,
    parameters: Parameters<L::Buffer>,
    /// Statistics of all normalisations, and by operation the first float of its own.
    statistics: L::Buffer,
    saved: Vec<usize>,
    scratch: L::Buffer,
    /// By storage: the host's twin of what the losses read or fill.
    twins: Vec<Option<Planes>>,
    detection: Descent,
    reconstruction: Option<Descent>,
    images: usize,
    height: usize,
    width: usize,
}

/// The way back from one loss. Its results lie on the host.
struct Descent {
    plan: BackwardPlan,
    /// Storages whose gradients the loss writes, and these gradients.
    seeds: Vec<(usize, Planes)>,
    /// By parameter.
    parameters: Vec<Vec<f32>>,
}

impl Descent {
    fn new(
        graph: &Graph,
        plan: BackwardPlan,
        seeds: &[usize],
        planes: impl Fn(usize) -> Planes,
    ) -> Self {
        Self {
            plan,
            seeds: seeds.iter().map(|s| (*s, planes(*s))).collect(),
            parameters: graph.params.iter().map(|p| vec![0.0; p.len()]).collect(),
        }
    }
}

/// Storages of the heads.
fn heads(graph: &Graph) -> Vec<usize> {
    let o = &graph.outputs;
    storages([o.heat, o.off, o.size, o.mask])
}

/// Storages of the maps that modulate latents: the host fills them.
fn maps(graph: &Graph) -> Vec<usize> {
    let stages = graph.reconstruction.iter().flat_map(|r| &r.modulations);
    let maps = stages.flat_map(|m| [m.low, m.high]);
    storages(maps.flat_map(|m| [Some(m.keep), m.blurred].into_iter().flatten()))
}

/// Storages that the loss of the reconstruction compares, but the input.
fn compared(graph: &Graph) -> Vec<usize> {
    let path = graph.reconstruction.iter();
    storages(path.flat_map(|r| [Some(r.output), r.pyramid].into_iter().flatten()))
}

fn storages(views: impl IntoIterator<Item = View>) -> Vec<usize> {
    let mut storages: Vec<usize> = views.into_iter().map(|v| v.storage).collect();
    storages.sort_unstable();
    storages.dedup();
    storages
}

impl<L: Launcher> Trainer<L> {
    /// Memory for `images` images of `height` x `width` pixels (multiples of 16). A graph with a backward path is trained
    /// on the reconstruction as well.
    ///
    /// # Errors
    /// Tensors too large to index or for the memory of the device, too small for the blurs of the modulation.
    pub fn new(
        launcher: L,
        graph: &Graph,
        reach: Reach,
        images: usize,
        height: usize,
        width: usize,
    ) -> Result<Self, CudaError> {
        let operations: Vec<Operation> = graph.ops.iter().map(Operation::of).collect();
        memory::check(graph, &operations, [images, height, width])?;
        let plan = BackwardPlan::detection(graph, reach);
        let path = BackwardPlan::reconstruction(graph);
        let size = |storage: usize| {
            let s = &graph.storages[storage];
            (s.channels, height >> s.level, width >> s.level)
        };
        let tensor = |storage: usize| {
            let (channels, h, w) = size(storage);
            Tensor::zeros(&launcher, [images, channels, h, w])
        };
        let mut activations = Vec::with_capacity(graph.storages.len());
        let mut gradients = Vec::with_capacity(graph.storages.len());
        for storage in 0..graph.storages.len() {
            let used = plan.uses(storage) || path.as_ref().is_some_and(|p| p.uses(storage));
            activations.push(tensor(storage)?);
            gradients.push(used.then(|| tensor(storage)).transpose()?);
        }
        let pixels = |v: View| {
            let (_, h, w) = size(v.storage);
            h * w
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
            let (channels, h, w) = size(storage);
            Planes::zeros(images, channels, Geometry::new(h, w))
        };
        let mut twins: Vec<Option<Planes>> = vec![None; graph.storages.len()];
        let (heads, compared) = (heads(graph), compared(graph));
        let all = [vec![graph.input.storage], heads.clone(), maps(graph)];
        for storage in all.iter().flatten().chain(&compared) {
            twins[*storage] = Some(planes(*storage));
        }
        let output = storages(graph.reconstruction.iter().map(|r| r.output));
        Ok(Self {
            parameters: Parameters::new(&launcher, &graph.params)?,
            detection: Descent::new(graph, plan, &heads, planes),
            reconstruction: path.map(|plan| Descent::new(graph, plan, &output, planes)),
            launcher,
            graph: graph.clone(),
            operations,
            activations,
            gradients,
            statistics,
            saved,
            scratch,
            twins,
            images,
            height,
            width,
        })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
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
        self.activation_mut(self.graph.input)
    }

    /// Where the heads are.
    pub fn outputs(&self) -> Outputs {
        self.graph.outputs
    }

    /// The activations of the storage that `view` belongs to, as the host has them: the input, the modulation maps, the
    /// heads after [`Trainer::forward`], `X_rec` and the pyramid after [`Trainer::reconstruct`].
    ///
    /// # Panics
    /// If `view` is none of these; [`Trainer::download`] copies any other.
    #[allow(clippy::expect_used, reason = "stated under Panics")]
    pub fn activation(&self, view: View) -> &Planes {
        let twin = self.twins[view.storage].as_ref();
        twin.expect("a tensor that the losses use")
    }

    /// As [`Trainer::activation`], to be overwritten: [`Trainer::forward`] takes the input from there,
    /// [`Trainer::reconstruct`] the modulation maps.
    ///
    /// # Panics
    /// As [`Trainer::activation`].
    #[allow(clippy::expect_used, reason = "stated under Panics")]
    pub fn activation_mut(&mut self, view: View) -> &mut Planes {
        let twin = self.twins[view.storage].as_mut();
        twin.expect("a tensor that the losses use")
    }

    /// Where the loss writes the gradient of an output; every channel of every head must be written.
    ///
    /// # Panics
    /// If `view` is not one of [`Trainer::outputs`].
    #[allow(clippy::expect_used, reason = "stated under Panics")]
    pub fn output_gradient_mut(&mut self, view: View) -> &mut Planes {
        let mut seeds = self.detection.seeds.iter_mut();
        let seed = seeds.find(|(storage, _)| *storage == view.storage);
        &mut seed.expect("an output").1
    }

    /// Where the gradient of the reconstruction loss is written: of `X_rec`, `[N, 1, H, W]`; `None` without backward path.
    pub fn reconstruction_gradient_mut(&mut self) -> Option<&mut Planes> {
        let seed = self.reconstruction.as_mut()?.seeds.first_mut()?;
        Some(&mut seed.1)
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
        &self.detection.parameters
    }

    /// For clipping in place.
    pub fn gradients_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.detection.parameters
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
        self.up(&[self.graph.input.storage])?;
        self.parameters.upload(&self.launcher, weights)?;
        self.run_all(0..self.graph.forward_ops(), statistics)?;
        self.down(&heads(&self.graph))?;
        if statistics == Statistics::Batch {
            self.parameters
                .download_statistics(&self.launcher, &self.graph.params, weights)?;
        }
        Ok(())
    }

    /// Runs the backward path from the latents of the last [`Trainer::forward`], with its weights; the maps of its
    /// modulations (see [`Trainer::activation_mut`]) must be filled. Does nothing if the graph has none.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn reconstruct(&mut self) -> Result<(), CudaError> {
        self.up(&maps(&self.graph))?;
        // There is no normalisation on the way back.
        let path = self.graph.forward_ops()..self.operations.len();
        self.run_all(path, Statistics::Frozen)?;
        self.down(&compared(&self.graph))
    }

    /// Back from the output gradients to all parameters. Uses the weights and activations of the last
    /// [`Trainer::forward`].
    ///
    /// # Errors
    /// A failure of the device.
    pub fn backward(&mut self, statistics: Statistics) -> Result<(), CudaError> {
        upload_seeds(&self.launcher, &self.detection.seeds, &mut self.gradients)?;
        self.descend(&self.detection.plan, statistics)?;
        self.parameters
            .download_gradients(&self.launcher, &mut self.detection.parameters)
    }

    /// Back from the gradient of `X_rec` to the InvBlocks, through the backward path and the encoder before it. Uses the
    /// weights and activations of the last [`Trainer::forward`] and [`Trainer::reconstruct`]. Does nothing if the graph
    /// has no backward path.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn backward_reconstruction(&mut self) -> Result<(), CudaError> {
        let Some(descent) = &self.reconstruction else {
            return Ok(());
        };
        upload_seeds(&self.launcher, &descent.seeds, &mut self.gradients)?;
        self.descend(&descent.plan, Statistics::Frozen)?;
        if let Some(descent) = &mut self.reconstruction {
            self.parameters
                .download_gradients(&self.launcher, &mut descent.parameters)?;
        }
        Ok(())
    }

    fn run_all(&self, operations: Range<usize>, statistics: Statistics) -> Result<(), CudaError> {
        for i in operations {
            self.run(&self.operations[i], self.saved(i), statistics)?;
        }
        Ok(())
    }

    fn descend(&self, plan: &BackwardPlan, statistics: Statistics) -> Result<(), CudaError> {
        self.parameters.clear_gradients(&self.launcher)?;
        for (i, operation) in self.operations.iter().enumerate().rev() {
            let step = &plan.steps[i];
            for view in &step.clear {
                self.ops().clear(self.gradient(*view))?;
            }
            if step.runs {
                let puts: Vec<Option<Put>> = step.writes.iter().copied().map(put).collect();
                self.run_back(operation, &puts, self.saved(i), statistics)?;
            }
        }
        Ok(())
    }

    /// Copies twins to the device.
    fn up(&mut self, storages: &[usize]) -> Result<(), CudaError> {
        for storage in storages {
            if let Some(twin) = &self.twins[*storage] {
                self.activations[*storage].upload(&self.launcher, &twin.to_dense())?;
            }
        }
        Ok(())
    }

    /// Copies tensors to their twins.
    fn down(&mut self, storages: &[usize]) -> Result<(), CudaError> {
        for storage in storages {
            if let Some(twin) = &mut self.twins[*storage] {
                twin.fill_from(&self.activations[*storage].download(&self.launcher)?);
            }
        }
        Ok(())
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

/// Copies the gradients that a loss wrote to the device.
fn upload_seeds<L: Launcher>(
    launcher: &L,
    seeds: &[(usize, Planes)],
    gradients: &mut [Option<Tensor<L::Buffer>>],
) -> Result<(), CudaError> {
    for (storage, planes) in seeds {
        if let Some(tensor) = &mut gradients[*storage] {
            tensor.upload(launcher, &planes.to_dense())?;
        }
    }
    Ok(())
}

/// What a kernel is told of a write; `None` if nobody wants the gradient.
fn put(write: Write) -> Option<Put> {
    match write {
        Write::Skip => None,
        Write::Set => Some(Put::Set),
        Write::Add => Some(Put::Add),
    }
}
