//! `invdet replay`: recorded or synthetic frames through the whole chain.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use invdet_boards::Profile;
use invdet_capture::{FrameSource, SourceSpec};
use invdet_link::Endpoint;

use super::network::load_model;
use crate::failure::{Blame as _, Failure};
use crate::pictures::Pictures;
use crate::pipeline::{self, Pacing, Setup, Stages};
use crate::tracks_file::TracksFile;

const EXAMPLES: &str = "Examples:
  invdet replay --model models/invdet-s --source synthetic:seed=1,seconds=10 --tracks tracks.jsonl
  invdet replay --model models/invdet-s --source clip.mp4 --overlay clip-overlay.mp4
  invdet replay --model models/invdet-s --source frames/ --profile boards/profiles/desk-replay.toml \\
                --link udpout:127.0.0.1:14550 --link file:flight.tlog --realtime";

/// 5 Hz: what a ground station gets that asks for the default rate.
const STATUS_INTERVAL: Duration = Duration::from_millis(200);

/// Replays frames: detects, tracks, and tells ground stations as the payload would.
///
/// Time is that of the frames: the same source gives the same tracks and, as long as nobody sends commands, the same
/// telemetry log. Until an operator commands otherwise the oldest confirmed track is reported, 5 times a second.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model folder: model.toml and weights.safetensors.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Folder of 8/16-bit PNG/TIFF, clip (through ffmpeg), or synthetic[:seed=1,seconds=10,size=640x512,...].
    #[arg(long, value_name = "SOURCE")]
    source: String,
    /// Payload: lens, tracker, threads and links. Without one, az_rad and el_rad of the tracks are null.
    #[arg(long, value_name = "P.toml")]
    profile: Option<PathBuf>,
    /// udpout:HOST:PORT, udpin:HOST:PORT, tcpout:HOST:PORT, serial:PATH:BAUD or file:OUT.tlog; may be given several
    /// times, and then replaces the links of the profile.
    #[arg(long = "link", value_name = "LINK")]
    links: Vec<String>,
    /// Not in this version.
    #[arg(long, value_name = "OUT.mcap")]
    record: Option<PathBuf>,
    /// Tracks, one JSON line a frame: position in pixels, velocity in pixels per second, angles in radians.
    #[arg(long, value_name = "OUT.jsonl")]
    tracks: Option<PathBuf>,
    /// Frames with detections, tracks and (synthetic) truth drawn on them; a clip needs ffmpeg.
    #[arg(long, value_name = "OUT.mp4|DIR")]
    overlay: Option<PathBuf>,
    /// Take frames at their own rate instead of as fast as possible; late ones are not left out.
    #[arg(long)]
    realtime: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(path) = &args.record {
        return Err(Failure::Input(anyhow!(
            "--record {path:?}: recordings come with a later version; --tracks and --link file:OUT.tlog keep what was found and sent"
        )));
    }
    let spec: SourceSpec = args.source.parse().blame_input()?;
    let profile = match &args.profile {
        Some(path) => Some(invdet_boards::load(path).blame_input()?),
        None => None,
    };
    let endpoints = endpoints(&args.links, profile.as_ref())?;
    let model = load_model(&args.model)?;
    let mut source = spec.open().blame_input()?;
    check_camera(profile.as_ref(), source.as_ref())?;

    let frame_period = source.frame_period();
    let mut stages = Stages::new(&Setup {
        model: &model,
        profile: profile.as_ref(),
        size: source.size(),
        frame_period,
        endpoints: &endpoints,
        status_interval: STATUS_INTERVAL,
    })?;
    let camera = profile.map(|p| p.camera.model);
    let mut tracks = match &args.tracks {
        Some(path) => Some(TracksFile::create(path, camera).blame_input()?),
        None => None,
    };
    let paths: Vec<_> = args.overlay.iter().map(PathBuf::as_path).collect();
    let mut pictures = Pictures::open(&paths, source.size(), frame_period).blame_input()?;
    let pacing = if args.realtime {
        Pacing::RealTime
    } else {
        Pacing::AsFastAsPossible
    };

    let summary = pipeline::run(source.as_mut(), &mut stages, pacing, |seen| {
        if let Some(file) = &mut tracks {
            file.write(seen.frame, seen.tracks)?;
        }
        Ok(pictures.draw(seen)?)
    })?;
    pictures.close()?;
    if let Some(file) = tracks {
        file.finish()?;
    }
    println!("{summary}");
    Ok(())
}

fn endpoints(links: &[String], profile: Option<&Profile>) -> Result<Vec<Endpoint>, Failure> {
    let of_profile = profile.map_or(&[][..], |p| &p.link.endpoints);
    let texts = if links.is_empty() { of_profile } else { links };
    texts
        .iter()
        .map(|text| text.parse().blame_input())
        .collect()
}

/// A lens is calibrated for one size of image.
fn check_camera(profile: Option<&Profile>, source: &dyn FrameSource) -> Result<(), Failure> {
    match profile {
        Some(profile) if profile.camera.size != source.size() => Err(Failure::Input(anyhow!(
            "source {:?} is {}, profile {:?} is for {}: name the profile of this camera, or none",
            source.label(),
            source.size(),
            profile.name,
            profile.camera.size
        ))),
        Some(_) | None => Ok(()),
    }
}
