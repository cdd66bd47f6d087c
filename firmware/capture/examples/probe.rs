//! Prints what a SOURCE gives: size, frames, extremes, and how fast it comes.
//!
//! `cargo run -p invdet-capture --example probe -- synthetic:seconds=2 clip.mp4 folder ...`

use std::process::ExitCode;
use std::time::Instant;

use invdet_capture::{CaptureError, Next, SourceSpec};
use invdet_core::Frame;

fn main() -> ExitCode {
    let mut failures = 0;
    for text in std::env::args().skip(1) {
        if let Err(error) = probe(&text) {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            eprintln!("{error}{}", cause.unwrap_or_default());
            failures += 1;
        }
    }
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn probe(text: &str) -> Result<(), CaptureError> {
    let opening = Instant::now();
    let mut source = text.parse::<SourceSpec>()?.open()?;
    let open_ms = opening.elapsed().as_millis();
    let (mut frame, mut frames, mut ffc) = (Frame::default(), 0u64, 0u64);
    let (mut low, mut high, mut bits) = (u16::MAX, 0, 0);
    let reading = Instant::now();
    let mut reading_s = 0.0;
    while source.next(&mut frame)? == Next::Frame {
        reading_s = reading.elapsed().as_secs_f64();
        frames += 1;
        ffc += u64::from(frame.flags.ffc);
        bits = frame.bits;
        low = frame
            .counts
            .iter()
            .fold(low, |least, count| least.min(*count));
        high = frame
            .counts
            .iter()
            .fold(high, |most, count| most.max(*count));
    }
    println!(
        "{}: {} {bits} bit, {frames} frames (promised {:?}), {ffc} ffc, counts {low}..={high}, period {:?}, \
         opened in {open_ms} ms, {:.0} frames/s",
        source.label(),
        source.size(),
        source.len(),
        source.frame_period(),
        frames as f64 / reading_s.max(1e-9),
    );
    Ok(())
}
