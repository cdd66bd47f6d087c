//! One file a subcommand.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod detect;
mod network;
pub(crate) mod profiles;
pub(crate) mod replay;
