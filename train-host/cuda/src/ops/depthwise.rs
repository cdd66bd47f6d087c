//! Each channel with its own kernel.

use super::sums::{Part, Parts, parts_of};
use super::{Done, Ops, assert_shape};
use crate::launcher::{Arg, Launcher, Map, Put};

/// Which way the kernel lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Forward pass.
    AsStored,
    /// Gradient of the input.
    Turned,
}

impl<L: Launcher> Ops<'_, L> {
    /// Kernels of `size` 3 or 5, `weight` `[channels, 1, size, size]`.
    pub(crate) fn depthwise(
        &self,
        size: usize,
        turn: Turn,
        (input, output): (Map, Map),
        weight: u64,
        put: Put,
    ) -> Done {
        assert_shape(input, &[output]);
        let args = [
            Arg::Map(input),
            Arg::Map(output),
            Arg::Address(weight),
            Arg::Int(i32::from(turn == Turn::Turned)),
            put.flag(),
        ];
        let kernel = by_size(size, "depthwise3", "depthwise5");
        self.for_each(kernel, output.values(), &args)
    }

    /// Adds the gradient of the weight to `gradient`.
    pub(crate) fn depthwise_weight(
        &self,
        size: usize,
        input: Map,
        d_output: Map,
        gradient: u64,
    ) -> Done {
        assert_shape(input, &[d_output]);
        let channels = input.channels as usize;
        let parts = Parts {
            at: self.scratch,
            part: Part::F32,
            rows: channels * size * size,
            length: parts_of(channels, input.pixels()),
        };
        let args = [
            Arg::Map(input),
            Arg::Map(d_output),
            Arg::Address(parts.at),
            Arg::Int(parts.length as i32),
        ];
        let kernel = by_size(size, "depthwise3_weight", "depthwise5_weight");
        self.for_parts(kernel, channels, parts.length, &args)?;
        self.add_rows(parts, gradient)
    }
}

fn by_size(size: usize, three: &'static str, five: &'static str) -> &'static str {
    assert!(size == 3 || size == 5, "kernels of 3x3 or 5x5");
    if size == 3 { three } else { five }
}

/// Floats of scratch for [`Ops::depthwise_weight`].
pub(crate) fn scratch_floats(channels: usize, size: usize, pixels: usize) -> usize {
    Parts::scratch_floats(
        channels * size * size,
        parts_of(channels, pixels),
        Part::F32,
    )
}
