//! Symmetric eight-bit quantization with one scale for all values of a view, and back.

use super::{Done, FLOAT, Ops, assert_shape};
use crate::launcher::{Arg, Launcher, Map};

/// Most parts of the search for the largest magnitude: one thread goes through what they leave.
const MOST_PARTS: usize = 1024;

/// Floats of scratch for [`Ops::quantize`]: parts, and the largest of them.
pub(crate) const SCRATCH_FLOATS: usize = MOST_PARTS + 1;

impl<L: Launcher> Ops<'_, L> {
    /// `output = scale * round(input / scale)`, half to even, with `scale = max |input| / 127` over the batch.
    pub(crate) fn quantize(&self, input: Map, output: Map) -> Done {
        assert_shape(input, &[output]);
        let parts = (input.values() / 8).clamp(1, MOST_PARTS);
        let largest = self.scratch + FLOAT * MOST_PARTS as u64;
        let (at, count) = (Arg::Address(self.scratch), Arg::Int(parts as i32));
        self.for_parts("magnitude_parts", 1, parts, &[Arg::Map(input), at, count])?;
        self.for_each("largest_magnitude", 1, &[at, Arg::Address(largest), count])?;
        let args = [Arg::Map(input), Arg::Map(output), Arg::Address(largest)];
        self.for_each("quantize", output.values(), &args)
    }
}
