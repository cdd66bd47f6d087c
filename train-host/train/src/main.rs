//! The trainer: data to weights.

fn main() {}
