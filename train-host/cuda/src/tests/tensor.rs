//! A view in the middle of a larger storage, whose other channels must stay as they are.

use crate::launcher::{Launcher, Map};
use crate::ops::{FLOAT, Ops};
use invdet_cpu::reference::Dense;

/// Channels before and behind the view.
const BEFORE: usize = 2;
const BEHIND: usize = 1;

/// What is in them.
const UNTOUCHED: f32 = 7.5;

pub(super) struct Tensor<'a, L: Launcher> {
    launcher: &'a L,
    buffer: L::Buffer,
    shape: [usize; 4],
}

impl<'a, L: Launcher> Tensor<'a, L> {
    pub(super) fn of(launcher: &'a L, dense: &Dense) -> Self {
        let [n, c, h, w] = dense.shape;
        let image = c * h * w;
        let mut values = Vec::new();
        for i in 0..n {
            values.extend(std::iter::repeat_n(UNTOUCHED, BEFORE * h * w));
            values.extend(&dense.data[i * image..(i + 1) * image]);
            values.extend(std::iter::repeat_n(UNTOUCHED, BEHIND * h * w));
        }
        let mut buffer = launcher.zeros(values.len()).unwrap();
        launcher.upload(&values, &mut buffer).unwrap();
        Self {
            launcher,
            buffer,
            shape: dense.shape,
        }
    }

    /// Filled with `value`.
    pub(super) fn filled(launcher: &'a L, shape: [usize; 4], value: f32) -> Self {
        let mut dense = Dense::zeros(shape);
        dense.data.fill(value);
        Self::of(launcher, &dense)
    }

    pub(super) fn map(&self) -> Map {
        let [n, c, h, w] = self.shape;
        Map {
            at: self.launcher.address(&self.buffer) + FLOAT * (BEFORE * h * w) as u64,
            image: ((BEFORE + c + BEHIND) * h * w) as i32,
            images: n as i32,
            channels: c as i32,
            h: h as i32,
            w: w as i32,
        }
    }

    /// The values of the view; fails if anything around it was written.
    pub(super) fn values(&self) -> Vec<f32> {
        let [n, c, h, w] = self.shape;
        let image = (BEFORE + c + BEHIND) * h * w;
        let mut all = vec![0.0; n * image];
        self.launcher.download(&self.buffer, &mut all).unwrap();
        let mut values = Vec::new();
        for one in all.chunks_exact(image) {
            let (before, rest) = one.split_at(BEFORE * h * w);
            let (view, behind) = rest.split_at(c * h * w);
            assert!(
                before.iter().chain(behind).all(|v| *v == UNTOUCHED),
                "a neighbouring channel was written"
            );
            values.extend_from_slice(view);
        }
        values
    }
}

/// Plain numbers: weights, gradients of weights.
pub(super) struct Array<'a, L: Launcher> {
    launcher: &'a L,
    buffer: L::Buffer,
    len: usize,
}

impl<'a, L: Launcher> Array<'a, L> {
    pub(super) fn of(launcher: &'a L, values: &[f32]) -> Self {
        let mut buffer = launcher.zeros(values.len()).unwrap();
        launcher.upload(values, &mut buffer).unwrap();
        Self {
            launcher,
            buffer,
            len: values.len(),
        }
    }

    pub(super) fn at(&self) -> u64 {
        self.launcher.address(&self.buffer)
    }

    pub(super) fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.len];
        self.launcher.download(&self.buffer, &mut values).unwrap();
        values
    }
}

/// Operations with exactly `scratch` floats of scratch.
pub(super) struct Bench<'a, L: Launcher> {
    launcher: &'a L,
    scratch: L::Buffer,
}

impl<'a, L: Launcher> Bench<'a, L> {
    pub(super) fn new(launcher: &'a L, scratch: usize) -> Self {
        Self {
            launcher,
            scratch: launcher.zeros(scratch.max(1)).unwrap(),
        }
    }

    pub(super) fn ops(&self) -> Ops<'a, L> {
        Ops {
            launcher: self.launcher,
            scratch: self.launcher.address(&self.scratch),
        }
    }
}
