//! The program on the payload: camera to autopilot.

fn main() {}
