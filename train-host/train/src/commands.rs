//! One file per subcommand.

pub(crate) mod ablate;
pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod report;
mod run_folder;
mod tables;
pub(crate) mod train;

use indicatif::{ProgressBar, ProgressStyle};

/// Why a command ended: 1 failed while running, 2 bad arguments or input.
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) cause: anyhow::Error,
}

pub(crate) type Outcome = Result<(), Failure>;

/// Marks an error as the user's input (exit 2).
pub(crate) fn input(cause: impl Into<anyhow::Error>) -> Failure {
    Failure {
        code: 2,
        cause: cause.into(),
    }
}

/// Marks an error as a failure while running (exit 1).
pub(crate) fn running(cause: impl Into<anyhow::Error>) -> Failure {
    Failure {
        code: 1,
        cause: cause.into(),
    }
}

/// A bar with an estimate of the time left; hidden when standard error is no terminal.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {elapsed} left {eta} {msg}");
    let bar = ProgressBar::new(length).with_prefix(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Threads to use when none are named.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
