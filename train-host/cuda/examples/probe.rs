//! Says which CUDA device a training run would use, or in one line why there is none.
//!
//! `cargo run -p invdet-cuda --example probe -- 0`

use invdet_cuda::Device;
use std::process::ExitCode;

fn main() -> ExitCode {
    let ordinal = std::env::args().nth(1).and_then(|a| a.parse().ok());
    match Device::open(ordinal.unwrap_or(0)) {
        Ok(device) => {
            println!("{}", device.description());
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}
