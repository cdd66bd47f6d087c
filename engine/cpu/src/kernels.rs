//! The operations of the network, forward and backward.
//!
//! Every dense convolution of the network, and the input gradient of each, is one kernel ([`conv`]): a list of taps,
//! an input step of 1 or 2, and outputs that are stored plainly or unfolded 2x2. Every weight gradient is another
//! ([`wgrad`]). The rest is element-wise.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constant bounds become register tiles; iterators over them did not"
)]

pub(crate) mod batchnorm;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod haar;
pub(crate) mod modulate;
pub(crate) mod wgrad;

#[cfg(test)]
mod tests;
