//! `invdet bench`: how fast this machine runs a model.
//!
//! In: a model and a size. Out: times of the network, and of everything else that a frame needs, over frames of a
//! synthetic scene whose targets are all tracked. One run is one frame; the first ones are not counted.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use invdet_capture::{FrameSource as _, Next, SyntheticSource, SyntheticSpec, TruthTarget};
use invdet_core::{Detection, Detections, Frame, ImageSize, MonoTime, Tracks};
use invdet_detector::{Detector, DetectorOptions};
use invdet_link::{AutoSelect, CameraComponent, ComponentConfig, Outbox};
use invdet_tracker::{Tracker, TrackerConfig};
use serde::Serialize;

use super::network::NetworkArgs;
use crate::failure::{Blame as _, Failure};
use crate::latency::Latency;

const EXAMPLES: &str = "Examples:
  invdet bench --model models/invdet-s
  invdet bench --model models/invdet-s --size 320x256 --threads 1 --json";

/// Frames rendered before; the camera's path is taken back and forth, so that tracks go on.
const FRAMES: usize = 16;
const TARGETS: u32 = 8;
const WARM_UP_RUNS: usize = 10;
const LEAST_RUNS: usize = 30;
const LEAST_TIME: Duration = Duration::from_secs(3);

/// Measures the network, and everything outside of it, on this machine.
///
/// median_ms and p99_ms are the network alone; outside_network_* is normalisation, decoding, tracking and MAVLink
/// encoding with 8 tracks alive. share_of_peak is relative to fused multiply-adds on registers, measured right after on
/// as many threads. At least 30 runs and 3 s.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    network: NetworkArgs,
    /// Size of the frames, each side 64 to 2000 pixels.
    #[arg(long, value_name = "WxH", default_value = "640x512")]
    size: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    model: String,
    size: String,
    precision: &'static str,
    threads: usize,
    backend: &'static str,
    runs: usize,
    median_ms: f64,
    p99_ms: f64,
    outside_network_median_ms: f64,
    outside_network_p99_ms: f64,
    gflop: f64,
    macs_per_s: f64,
    share_of_peak: f64,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let model = args.network.load()?;
    let text = format!(
        "seconds=1,fps=30,targets={TARGETS},ffc=off,size={}",
        args.size
    );
    let spec: SyntheticSpec = text.parse().blame_input()?;
    let size = spec.size();
    let options = DetectorOptions {
        threads: args.network.threads(),
        threshold: Some(TrackerConfig::default().low_score),
    };
    let detector = Detector::new(&model, size, options).blame_input()?;
    let mut chain = Chain::new(detector, size, spec.frames())?;
    let scene = Scene::render(spec)?;
    let (network, outside) = chain.measure(&scene)?;

    let macs_per_s = chain.detector.macs() as f64 / network.median_ms() * 1e3;
    let report = Report {
        model: model.manifest.name,
        size: size.to_string(),
        precision: "fp32",
        threads: chain.detector.threads(),
        backend: "cpu",
        runs: network.len(),
        median_ms: rounded(network.median_ms()),
        p99_ms: rounded(network.p99_ms()),
        outside_network_median_ms: rounded(outside.median_ms()),
        outside_network_p99_ms: rounded(outside.p99_ms()),
        gflop: 2.0 * chain.detector.macs() as f64 / 1e9,
        macs_per_s: macs_per_s.round(),
        share_of_peak: rounded(macs_per_s / chain.detector.peak_macs_per_second()),
    };
    if args.json {
        println!("{}", serde_json::to_string(&report).blame_run()?);
    } else {
        println!("{}", told(&report, chain.detector.instruction_set()));
    }
    Ok(())
}

fn told(report: &Report, instruction_set: &str) -> String {
    format!(
        "{} {} {} on {} ({instruction_set}), {} threads, {} runs\n\
         network          median {:.2} ms, p99 {:.2} ms ({:.2} GFLOP, {:.1} GMAC/s, {:.0} % of peak)\n\
         outside of it    median {:.2} ms, p99 {:.2} ms",
        report.model,
        report.size,
        report.precision,
        report.backend,
        report.threads,
        report.runs,
        report.median_ms,
        report.p99_ms,
        report.gflop,
        report.macs_per_s / 1e9,
        report.share_of_peak * 100.0,
        report.outside_network_median_ms,
        report.outside_network_p99_ms,
    )
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Frames and their true targets.
struct Scene(Vec<(Frame, Vec<TruthTarget>)>);

impl Scene {
    fn render(spec: SyntheticSpec) -> Result<Self, Failure> {
        let mut source = SyntheticSource::new(spec);
        let mut frames = Vec::new();
        let mut frame = Frame::default();
        while frames.len() < FRAMES && source.next(&mut frame).blame_run()? == Next::Frame {
            frames.push((frame.clone(), source.truth(frame.seq).to_vec()));
        }
        Ok(Self(frames))
    }

    /// Frame of a run: forth and back.
    fn at(&self, run: usize) -> Option<&(Frame, Vec<TruthTarget>)> {
        let last = self.0.len().checked_sub(1)?;
        let step = run % (2 * last).max(1);
        self.0.get(step.min(2 * last - step))
    }
}

/// The stages of a frame.
struct Chain {
    detector: Detector,
    tracker: Tracker,
    component: CameraComponent,
    frame_period: Duration,
    detections: Detections,
    tracks: Tracks,
    outbox: Outbox,
}

impl Chain {
    fn new(detector: Detector, size: ImageSize, frames_a_second: u64) -> Result<Self, Failure> {
        let frame_period = Duration::from_secs_f64(1.0 / frames_a_second as f64);
        let mut config = ComponentConfig::new(1, "bench", size);
        config.auto_select = AutoSelect::OldestConfirmed;
        config.status_interval = Some(Duration::ZERO);
        Ok(Self {
            detector,
            tracker: Tracker::new(TrackerConfig::default(), frame_period).blame_run()?,
            component: CameraComponent::new(config).blame_run()?,
            frame_period,
            detections: Detections::new(),
            tracks: Tracks::new(),
            outbox: Outbox::new(),
        })
    }

    /// Times of the network, and of everything else.
    fn measure(&mut self, scene: &Scene) -> Result<(Latency, Latency), Failure> {
        let (mut network, mut outside) = (Latency::default(), Latency::default());
        let mut started = Instant::now();
        let mut run = 0;
        while run < WARM_UP_RUNS + LEAST_RUNS || started.elapsed() < LEAST_TIME {
            if run == WARM_UP_RUNS {
                started = Instant::now();
            }
            let Some((frame, truth)) = scene.at(run) else {
                return Err(Failure::Running(anyhow!("the scene has no frames")));
            };
            let (in_network, elsewhere) = self.frame(run, frame, truth)?;
            if run >= WARM_UP_RUNS {
                network.push(in_network);
                outside.push(elsewhere);
            }
            run += 1;
        }
        Ok((network, outside))
    }

    fn frame(
        &mut self,
        run: usize,
        frame: &Frame,
        truth: &[TruthTarget],
    ) -> Result<(Duration, Duration), Failure> {
        let timing = self
            .detector
            .detect(frame, &mut self.detections)
            .blame_run()?;
        // Whatever the model finds, the tracker has all targets to follow.
        let mut seen = Detections::new();
        seen.extend(truth.iter().map(|t| Detection {
            x: t.x,
            y: t.y,
            w: t.w,
            h: t.h,
            score: 0.9,
        }));
        let room = seen.capacity() - seen.len();
        seen.extend(self.detections.iter().copied().take(room));
        let at = MonoTime::default() + self.frame_period * u32::try_from(run).unwrap_or(u32::MAX);

        let start = Instant::now();
        self.tracker.step(at, frame.flags, &seen, &mut self.tracks);
        self.component.on_tracks(at, &self.tracks, &mut self.outbox);
        self.component.tick(at, &mut self.outbox);
        let told = start.elapsed();
        self.outbox.clear();
        Ok((timing.network, timing.preprocess + timing.decode + told))
    }
}
