//! The network on a CPU: kernels with forward and backward, and what runs them.
//!
//! * [`inference::Network`] runs the folded graph on one image; [`training::Trainer`] runs the whole graph on a batch and
//!   back. Both use the same kernels.
//! * [`planes`] is the memory layout, [`simd`] the instruction sets, [`pool`] the threads.
//! * [`mod@reference`] is the same arithmetic written plainly: the truth that the kernels are tested against.
#![allow(
    unsafe_code,
    reason = "SIMD kernels on raw planes; each block states its contract"
)]

mod buffers;
pub mod inference;
mod kernels;
mod ops;
pub mod peak;
pub mod planes;
pub mod pool;
pub mod reference;
pub mod simd;
pub mod training;

use pool::Pool;
use simd::Isa;

/// Threads and instruction set.
pub struct Engine {
    pool: Pool,
    isa: Isa,
}

impl Engine {
    /// `threads` threads on the fastest instruction set of this machine.
    pub fn new(threads: usize) -> Self {
        Self {
            pool: Pool::new(threads),
            isa: Isa::best(),
        }
    }

    /// As [`Engine::new`] with a given instruction set, for tests and comparisons.
    ///
    /// # Panics
    /// If this machine does not have it.
    pub fn with_isa(threads: usize, isa: Isa) -> Self {
        assert!(
            Isa::available().contains(&isa),
            "this machine has no {}",
            isa.name()
        );
        Self {
            pool: Pool::new(threads),
            isa,
        }
    }

    /// Its instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Its threads.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}
