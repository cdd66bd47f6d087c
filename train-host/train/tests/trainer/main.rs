//! The trainer from outside: learning, resuming, gradients, the command line.

#![allow(
    clippy::unwrap_used,
    reason = "set-up of made-up data; a failure there fails the test"
)]

mod ablate;
mod blobs;
mod command_line;
mod gradient;
mod modes;
mod overfit;
mod resume;
