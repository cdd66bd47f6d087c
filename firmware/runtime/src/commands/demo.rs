//! `invdet demo`: the main job from end to end, with its result checked.
//!
//! In: a model; on demand a folder of real frames. Out: a synthetic scene detected, tracked and told over UDP to a
//! receiver in this program; pictures, tracks and a telemetry log in a folder; a table; exit code 1 if it went wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use invdet_capture::{FrameSource, SourceSpec};
use invdet_link::Endpoint;
use invdet_net::manifest::Model;

use super::network::load_model;
use crate::failure::{Blame as _, Failure};
use crate::ground_station::{GroundStation, Heard};
use crate::pictures::Pictures;
use crate::pipeline::{self, Pacing, Setup, Stages};
use crate::scoring::{MATCH_PX, Score, Scoring};
use crate::summary::Summary;
use crate::tally::Counts;
use crate::tracks_file::TracksFile;

const EXAMPLES: &str = "Example:
  invdet demo --model models/invdet-s --out demo-out";

/// Two targets cross, one fades in, one weaves, two drift; the camera corrects its flat field once.
const SCENE: &str = "synthetic:seed=1,seconds=10,size=640x512,targets=6,ffc=on";

const FOUND_SHARE: f64 = 0.8;
const MOST_FALSE_TRACKS: usize = 3;
const STATUS: &str = "CAMERA_TRACKING_IMAGE_STATUS";

/// Shows the main job: a synthetic scene to tracks to MAVLink to a receiver, with the result checked.
///
/// Fails (exit code 1) if fewer than 80 % of the targets are found, if there are more than 3 false tracks, or if the
/// receiver did not decode exactly what was sent.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model folder: model.toml and weights.safetensors.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Folder for pictures, tracks and telemetry log; those of an earlier demo are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of real frames (or a clip) to replay as well.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let model = load_model(&args.model)?;
    let synthetic: SourceSpec = SCENE.parse().blame_run()?;
    let real: Option<SourceSpec> = match &args.data {
        Some(text) => Some(text.parse().blame_input()?),
        None => None,
    };
    fs::create_dir_all(&args.out)
        .with_context(|| format!("folder {:?} cannot be made: check the path", args.out))
        .blame_input()?;

    let shown = show(&model, synthetic.open().blame_run()?, &args.out, "demo")?;
    print_scene(&shown);
    if let Some(spec) = real {
        let shown = show(&model, spec.open().blame_input()?, &args.out, "data")?;
        println!("\n{}", shown.summary);
        println!("overlay          {}", shown.overlays());
    }
    let complaints = complaints(&shown);
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Failure::Running(anyhow!(
        "demo failed: {}",
        complaints.join("; ")
    )))
}

/// What one source gave.
struct Shown {
    summary: Summary,
    score: Score,
    heard: Heard,
    overlays: Vec<PathBuf>,
}

impl Shown {
    fn sent(&self) -> Counts {
        // The receiver's link is the first.
        self.summary
            .links
            .first()
            .map(|link| link.sent.clone())
            .unwrap_or_default()
    }

    fn overlays(&self) -> String {
        let paths: Vec<String> = self
            .overlays
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        paths.join(", ")
    }
}

/// Runs one source through all stages to a receiver in this program.
fn show(
    model: &Model,
    mut source: Box<dyn FrameSource>,
    out: &Path,
    name: &str,
) -> Result<Shown, Failure> {
    let station = GroundStation::listen()?;
    let endpoints = [
        Endpoint::UdpOut {
            host: "127.0.0.1".into(),
            port: station.port(),
        },
        Endpoint::Tlog {
            path: out.join(format!("{name}.tlog")),
        },
    ];
    let (size, frame_period) = (source.size(), source.frame_period());
    let mut stages = Stages::new(&Setup {
        model,
        profile: None,
        size,
        frame_period,
        endpoints: &endpoints,
        status_interval: Duration::ZERO,
    })?;
    let overlays = overlays(out, name)?;
    let paths: Vec<&Path> = overlays.iter().map(PathBuf::as_path).collect();
    let mut pictures = Pictures::open(&paths, size, frame_period)?;
    let mut tracks = TracksFile::create(&out.join(format!("{name}-tracks.jsonl")), None)?;
    let mut scoring = Scoring::default();

    let pacing = Pacing::AsFastAsPossible;
    let summary = pipeline::run(source.as_mut(), &mut stages, pacing, |seen| {
        scoring.add(seen.tracks, seen.truth);
        tracks.write(seen.frame, seen.tracks)?;
        Ok(pictures.draw(seen)?)
    })?;
    pictures.close()?;
    tracks.finish()?;
    Ok(Shown {
        summary,
        score: scoring.score(),
        heard: station.finish()?,
        overlays,
    })
}

/// A folder of pictures, emptied, and a clip if there is `ffmpeg`.
fn overlays(out: &Path, name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let folder = out.join(format!("{name}-overlay"));
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("{folder:?} of an earlier demo cannot be removed"))?;
    }
    let version = Command::new("ffmpeg")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let mut paths = vec![folder];
    if version.is_ok_and(|status| status.success()) {
        paths.push(out.join(format!("{name}-overlay.mp4")));
    } else {
        println!("no clip: ffmpeg is not installed (apt-get install ffmpeg); pictures are written");
    }
    Ok(paths)
}

fn print_scene(shown: &Shown) {
    let (score, summary) = (&shown.score, &shown.summary);
    let error = score
        .median_error_px
        .map_or_else(|| "none matched".to_owned(), |px| format!("{px:.2} px"));
    println!("scene            {}", summary.source);
    println!("frames           {}", summary.frames);
    println!(
        "frame rate       {:.1} fps with pictures, {:.1} ms a frame without",
        summary.fps(),
        summary.total.median_ms()
    );
    println!("targets found    {} of {}", score.found, score.present);
    println!("false tracks     {}", score.false_tracks);
    println!("track switches   {}", score.switches);
    println!("position error   {error} (median, matched within {MATCH_PX} px)");
    println!(
        "mavlink          sent {}, received {}",
        by_message(&shown.sent()),
        by_message(&shown.heard.messages)
    );
    println!("overlay          {}", shown.overlays());
}

fn by_message(counts: &Counts) -> String {
    let list: Vec<String> = counts.iter().map(|(m, n)| format!("{m} {n}")).collect();
    if list.is_empty() {
        "nothing".to_owned()
    } else {
        list.join(" + ")
    }
}

/// Everything that went wrong.
fn complaints(shown: &Shown) -> Vec<String> {
    let (score, heard) = (&shown.score, &shown.heard);
    let mut complaints = Vec::new();
    if score.present == 0 || (score.found as f64) < FOUND_SHARE * score.present as f64 {
        complaints.push(format!(
            "{} of {} targets found, wanted at least {:.0} %",
            score.found,
            score.present,
            FOUND_SHARE * 100.0
        ));
    }
    if score.false_tracks > MOST_FALSE_TRACKS {
        complaints.push(format!(
            "{} false tracks, wanted at most {MOST_FALSE_TRACKS}",
            score.false_tracks
        ));
    }
    if heard.messages.get(STATUS).is_none_or(|n| *n == 0) {
        complaints.push(format!("no {STATUS} was received"));
    } else if heard.active == 0 {
        complaints.push(format!("no {STATUS} reported an active target"));
    }
    if heard.messages != shown.sent() || heard.undecoded > 0 {
        complaints.push(format!(
            "sent {}, received {} and {} datagrams without a message",
            by_message(&shown.sent()),
            by_message(&heard.messages),
            heard.undecoded
        ));
    }
    complaints
}
