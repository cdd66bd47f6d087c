//! Tensors and parameters on the device.

use crate::CudaError;
use crate::launcher::{Launcher, Map};
use crate::operation::Operation;
use crate::ops::{BLOCK, FLOAT, Ops};
use invdet_net::graph::{Graph, Param, ParamId, Role, View};
use invdet_net::weights::Weights;

/// A tensor that owns memory of the device.
pub(super) struct Tensor<B> {
    buffer: B,
    /// `[images, channels, h, w]`
    shape: [usize; 4],
}

impl<B> Tensor<B> {
    pub(super) fn zeros<L: Launcher<Buffer = B>>(
        launcher: &L,
        shape: [usize; 4],
    ) -> Result<Self, CudaError> {
        Ok(Self {
            buffer: launcher.zeros(shape.iter().product())?,
            shape,
        })
    }

    pub(super) fn values(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn map<L: Launcher<Buffer = B>>(&self, launcher: &L, view: View) -> Map {
        let [images, channels, h, w] = self.shape;
        assert!(
            view.first + view.channels <= channels,
            "view outside the tensor"
        );
        Map {
            at: launcher.address(&self.buffer) + FLOAT * (view.first * h * w) as u64,
            image: (channels * h * w) as i32,
            images: images as i32,
            channels: view.channels as i32,
            h: h as i32,
            w: w as i32,
        }
    }

    pub(super) fn upload<L: Launcher<Buffer = B>>(
        &mut self,
        launcher: &L,
        values: &[f32],
    ) -> Result<(), CudaError> {
        assert_eq!(values.len(), self.values(), "values of another shape");
        launcher.upload(values, &mut self.buffer)
    }

    pub(super) fn download<L: Launcher<Buffer = B>>(
        &self,
        launcher: &L,
    ) -> Result<Vec<f32>, CudaError> {
        let mut values = vec![0.0; self.values()];
        launcher.download(&self.buffer, &mut values)?;
        Ok(values)
    }
}

/// All parameters in one piece of memory, and their gradients in another: one copy each way a step.
pub(super) struct Parameters<B> {
    values: B,
    device_gradients: B,
    /// By parameter: its first float.
    offsets: Vec<usize>,
    /// All of them, and all gaps.
    floats: usize,
    host: Vec<f32>,
}

/// Floats to whose multiple a parameter is aligned: the 256 bytes that libraries like best.
const ALIGNMENT: usize = 64;

impl<B> Parameters<B> {
    pub(super) fn new<L: Launcher<Buffer = B>>(
        launcher: &L,
        params: &[Param],
    ) -> Result<Self, CudaError> {
        let mut floats = 0;
        let offsets = params
            .iter()
            .map(|p| {
                let offset = floats;
                floats += p.len().next_multiple_of(ALIGNMENT);
                offset
            })
            .collect();
        let floats = floats.max(1);
        Ok(Self {
            values: launcher.zeros(floats)?,
            device_gradients: launcher.zeros(floats)?,
            offsets,
            floats,
            host: vec![0.0; floats],
        })
    }

    pub(super) fn address<L: Launcher<Buffer = B>>(&self, launcher: &L, id: ParamId) -> u64 {
        launcher.address(&self.values) + FLOAT * self.offsets[id.0] as u64
    }

    pub(super) fn gradient_address<L: Launcher<Buffer = B>>(
        &self,
        launcher: &L,
        id: ParamId,
    ) -> u64 {
        launcher.address(&self.device_gradients) + FLOAT * self.offsets[id.0] as u64
    }

    pub(super) fn upload<L: Launcher<Buffer = B>>(
        &mut self,
        launcher: &L,
        weights: &Weights,
    ) -> Result<(), CudaError> {
        for (tensor, at) in weights.tensors.iter().zip(&self.offsets) {
            self.host[*at..at + tensor.len()].copy_from_slice(tensor);
        }
        launcher.upload(&self.host, &mut self.values)
    }

    pub(super) fn download_statistics<L: Launcher<Buffer = B>>(
        &mut self,
        launcher: &L,
        params: &[Param],
        weights: &mut Weights,
    ) -> Result<(), CudaError> {
        launcher.download(&self.values, &mut self.host)?;
        for ((param, at), tensor) in params.iter().zip(&self.offsets).zip(&mut weights.tensors) {
            if matches!(param.role, Role::RunningMean | Role::RunningVariance) {
                tensor.copy_from_slice(&self.host[*at..at + param.len()]);
            }
        }
        Ok(())
    }

    pub(super) fn clear_gradients<L: Launcher<Buffer = B>>(
        &self,
        launcher: &L,
    ) -> Result<(), CudaError> {
        let all = Map {
            at: launcher.address(&self.device_gradients),
            image: 0,
            images: 1,
            channels: 1,
            h: 1,
            w: self.floats as i32,
        };
        let ops = Ops {
            launcher,
            scratch: 0,
        };
        ops.clear(all)
    }

    pub(super) fn download_gradients<L: Launcher<Buffer = B>>(
        &mut self,
        launcher: &L,
        gradients: &mut [Vec<f32>],
    ) -> Result<(), CudaError> {
        launcher.download(&self.device_gradients, &mut self.host)?;
        for (gradient, at) in gradients.iter_mut().zip(&self.offsets) {
            let len = gradient.len();
            gradient.copy_from_slice(&self.host[*at..at + len]);
        }
        Ok(())
    }
}

/// Values of a tensor that kernels index with an `int`; the last block may reach behind them.
pub(crate) const MOST_VALUES: usize = i32::MAX as usize - BLOCK as usize;

/// Refuses what kernels cannot index, and blurs that reach beyond their reflection.
pub(super) fn check(
    graph: &Graph,
    operations: &[Operation],
    [images, height, width]: [usize; 3],
) -> Result<(), CudaError> {
    for s in &graph.storages {
        let values = images * s.channels * (height >> s.level) * (width >> s.level);
        if values > MOST_VALUES {
            return Err(CudaError::TooLarge {
                name: s.name.clone(),
                values,
            });
        }
    }
    for operation in operations {
        if let Operation::Modulate(m) = operation
            && let Some((_, radius)) = m.blur
        {
            let s = &graph.storages[m.input.storage];
            let (h, w) = (height >> s.level, width >> s.level);
            if h <= radius || w <= radius {
                return Err(CudaError::TooSmall {
                    name: s.name.clone(),
                    h,
                    w,
                    radius,
                });
            }
        }
    }
    Ok(())
}
