//! Who computes the forward and backward passes of a run.

use invdet_cpu::Engine;
use invdet_cpu::planes::Planes;
use invdet_cpu::training::{Reach, Statistics, Trainer};
use invdet_net::graph::{Graph, View};
use invdet_net::weights::Weights;

/// The choice of `--backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BackendKind {
    /// This machine's processor.
    #[default]
    Cpu,
    /// A CUDA device (in programs built with `--features cuda`).
    Cuda,
}

/// A graph with memory for a batch. Each function is that of [`Trainer`]; those that run something on a device can fail.
pub trait Backend {
    /// For the operator: what computes.
    fn description(&self) -> String;

    /// The graph.
    fn graph(&self) -> &Graph;

    /// Images of a batch, their height and width.
    fn shape(&self) -> (usize, usize, usize);

    /// The storage that `view` belongs to: the input, a modulation map, a head after [`Backend::forward`], `X_rec` or the
    /// pyramid after [`Backend::reconstruct`].
    fn activation(&self, view: View) -> &Planes;

    /// As [`Backend::activation`]: the input is filled before [`Backend::forward`], the modulation maps before
    /// [`Backend::reconstruct`].
    fn activation_mut(&mut self, view: View) -> &mut Planes;

    /// Where the loss writes the gradient of an output.
    fn output_gradient_mut(&mut self, view: View) -> &mut Planes;

    /// Where the gradient of `X_rec` is written; `None` without backward path.
    fn reconstruction_gradient_mut(&mut self) -> Option<&mut Planes>;

    /// Gradients of all parameters by the detection loss.
    fn gradients(&self) -> &[Vec<f32>];

    /// For clipping in place.
    fn gradients_mut(&mut self) -> &mut [Vec<f32>];

    /// Gradients of all parameters by the reconstruction; empty without backward path.
    fn reconstruction_gradients(&self) -> &[Vec<f32>];

    /// For clipping in place.
    fn reconstruction_gradients_mut(&mut self) -> &mut [Vec<f32>];

    /// Runs the batch; with [`Statistics::Batch`] the running statistics in `weights` follow.
    ///
    /// # Errors
    /// A failure of the device.
    fn forward(
        &mut self,
        engine: &Engine,
        weights: &mut Weights,
        statistics: Statistics,
    ) -> anyhow::Result<()>;

    /// Runs the backward path with the weights of the last [`Backend::forward`].
    ///
    /// # Errors
    /// A failure of the device.
    fn reconstruct(&mut self, engine: &Engine, weights: &Weights) -> anyhow::Result<()>;

    /// Back from the heads, with the weights of the last [`Backend::forward`].
    ///
    /// # Errors
    /// A failure of the device.
    fn backward(
        &mut self,
        engine: &Engine,
        weights: &Weights,
        statistics: Statistics,
    ) -> anyhow::Result<()>;

    /// Back from `X_rec`, with the weights of the last [`Backend::forward`].
    ///
    /// # Errors
    /// A failure of the device.
    fn backward_reconstruction(&mut self, engine: &Engine, weights: &Weights)
    -> anyhow::Result<()>;
}

/// Memory for batches of `images` images of `height` x `width` pixels, on `kind`.
///
/// # Errors
/// A device or library that is missing, a program without CUDA, no memory left.
pub fn open(
    kind: BackendKind,
    graph: &Graph,
    reach: Reach,
    [images, height, width]: [usize; 3],
) -> anyhow::Result<Box<dyn Backend>> {
    match kind {
        BackendKind::Cpu => Ok(Box::new(Trainer::new(graph, reach, images, height, width))),
        #[cfg(feature = "cuda")]
        BackendKind::Cuda => {
            let device = invdet_cuda::Device::open(0)?;
            let trainer =
                invdet_cuda::CudaTrainer::new(device, graph, reach, images, height, width)?;
            Ok(Box::new(trainer))
        }
        #[cfg(not(feature = "cuda"))]
        BackendKind::Cuda => anyhow::bail!(
            "this program was built without CUDA; build it with `cargo build --release -p invdet-train --features \
             cuda`, or train with --backend cpu"
        ),
    }
}

/// What both trainers call alike and give without fail.
macro_rules! host_side {
    ($trainer:ty) => {
        fn graph(&self) -> &Graph {
            <$trainer>::graph(self)
        }
        fn shape(&self) -> (usize, usize, usize) {
            <$trainer>::shape(self)
        }
        fn activation(&self, view: View) -> &Planes {
            <$trainer>::activation(self, view)
        }
        fn activation_mut(&mut self, view: View) -> &mut Planes {
            <$trainer>::activation_mut(self, view)
        }
        fn output_gradient_mut(&mut self, view: View) -> &mut Planes {
            <$trainer>::output_gradient_mut(self, view)
        }
        fn reconstruction_gradient_mut(&mut self) -> Option<&mut Planes> {
            <$trainer>::reconstruction_gradient_mut(self)
        }
        fn gradients(&self) -> &[Vec<f32>] {
            <$trainer>::gradients(self)
        }
        fn gradients_mut(&mut self) -> &mut [Vec<f32>] {
            <$trainer>::gradients_mut(self)
        }
        fn reconstruction_gradients(&self) -> &[Vec<f32>] {
            <$trainer>::reconstruction_gradients(self)
        }
        fn reconstruction_gradients_mut(&mut self) -> &mut [Vec<f32>] {
            <$trainer>::reconstruction_gradients_mut(self)
        }
    };
}

impl Backend for Trainer {
    host_side!(Trainer);

    fn description(&self) -> String {
        invdet_cpu::simd::Isa::best().name().to_string()
    }

    fn forward(
        &mut self,
        engine: &Engine,
        weights: &mut Weights,
        statistics: Statistics,
    ) -> anyhow::Result<()> {
        Trainer::forward(self, engine, weights, statistics);
        Ok(())
    }

    fn reconstruct(&mut self, engine: &Engine, weights: &Weights) -> anyhow::Result<()> {
        Trainer::reconstruct(self, engine, weights);
        Ok(())
    }

    fn backward(
        &mut self,
        engine: &Engine,
        weights: &Weights,
        statistics: Statistics,
    ) -> anyhow::Result<()> {
        Trainer::backward(self, engine, weights, statistics);
        Ok(())
    }

    fn backward_reconstruction(
        &mut self,
        engine: &Engine,
        weights: &Weights,
    ) -> anyhow::Result<()> {
        Trainer::backward_reconstruction(self, engine, weights);
        Ok(())
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use super::{Backend, Engine, Graph, Planes, Statistics, View, Weights};
    use anyhow::Context as _;
    use invdet_cuda::CudaTrainer;

    /// The weights are those that the device got in the last forward pass.
    impl Backend for CudaTrainer {
        host_side!(CudaTrainer);

        fn description(&self) -> String {
            self.launcher().description().to_string()
        }

        fn forward(
            &mut self,
            _: &Engine,
            weights: &mut Weights,
            statistics: Statistics,
        ) -> anyhow::Result<()> {
            CudaTrainer::forward(self, weights, statistics).context("forward pass")
        }

        fn reconstruct(&mut self, _: &Engine, _: &Weights) -> anyhow::Result<()> {
            CudaTrainer::reconstruct(self).context("reconstruction")
        }

        fn backward(
            &mut self,
            _: &Engine,
            _: &Weights,
            statistics: Statistics,
        ) -> anyhow::Result<()> {
            CudaTrainer::backward(self, statistics).context("backward pass")
        }

        fn backward_reconstruction(&mut self, _: &Engine, _: &Weights) -> anyhow::Result<()> {
            CudaTrainer::backward_reconstruction(self)
                .context("backward pass of the reconstruction")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BackendKind, open};
    use invdet_cpu::training::Reach;
    use invdet_net::{arch::build, config::NetworkConfig};

    #[test]
    fn a_backend_that_is_not_there_is_refused_in_one_line_with_the_remedy() {
        let graph = build(&NetworkConfig::named("s").unwrap()).unwrap();
        let of = |kind| open(kind, &graph, Reach::Encoder, [1, 16, 16]);
        assert_eq!(of(BackendKind::Cpu).unwrap().shape(), (1, 16, 16));
        match of(BackendKind::Cuda) {
            Ok(there) => assert!(cfg!(feature = "cuda") && there.shape() == (1, 16, 16)),
            Err(cause) => {
                let message = format!("{cause:#}");
                assert!(message.contains("--backend cpu"), "{message}");
                assert_eq!(message.lines().count(), 1);
            }
        }
    }
}
