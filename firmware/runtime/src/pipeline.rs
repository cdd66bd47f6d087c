//! The wiring: source -> detector -> tracker -> component -> links.
//!
//! In: a [`FrameSource`] and [`Stages`] made of a model, a profile and links. Out: MAVLink on the links, each frame with
//! its detections and tracks to the caller, and a [`Summary`]. Refused: whatever a stage refuses, by name.
//!
//! [`run`] is all of it. Time is the frame's: the same source gives the same tracks and, as long as nobody sends
//! commands, the same bytes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use invdet_boards::Profile;
use invdet_capture::{FrameSource, Next, TruthTarget};
use invdet_core::{Detections, Frame, ImageSize, MonoTime, TrackId, Tracks};
use invdet_detector::{Detector, DetectorOptions};
use invdet_link::transport::{self, Transport};
use invdet_link::{
    AutoSelect, CameraComponent, ComponentConfig, Condition, Endpoint, FirmwareVersion, Links,
    Outbox,
};
use invdet_net::manifest::Model;
use invdet_tracker::{Tracker, TrackerConfig};

use crate::failure::{Blame as _, Failure};
use crate::progress;
use crate::summary::{LinkSummary, Summary};
use crate::tally::{Tallied, Tally};

/// Longest pause in which links are not served.
const SERVE_EVERY: Duration = Duration::from_millis(20);

/// What the stages are made of.
pub(crate) struct Setup<'a> {
    /// The network.
    pub(crate) model: &'a Model,
    /// The payload; without one the tracker has its defaults and the camera no optics.
    pub(crate) profile: Option<&'a Profile>,
    /// Size of the frames to come.
    pub(crate) size: ImageSize,
    /// Nominal time between two frames.
    pub(crate) frame_period: Duration,
    /// Whom to tell.
    pub(crate) endpoints: &'a [Endpoint],
    /// Interval of CAMERA_TRACKING_IMAGE_STATUS before anyone has asked; zero is every frame.
    pub(crate) status_interval: Duration,
}

/// Everything behind the source.
pub(crate) struct Stages {
    detector: Detector,
    tracker: Tracker,
    component: CameraComponent,
    links: Links,
    tallies: Vec<Tally>,
    /// Least score to show as a detection; weaker ones only continue tracks.
    threshold: f32,
}

impl Stages {
    /// Makes all stages and opens the links.
    ///
    /// # Errors
    /// [`Failure::Input`] with what a stage refused.
    pub(crate) fn new(setup: &Setup<'_>) -> Result<Self, Failure> {
        let profile = setup.profile;
        let config = profile.map_or_else(TrackerConfig::default, |p| p.tracker);
        let threshold = profile
            .and_then(|p| p.detector.threshold)
            .unwrap_or(setup.model.manifest.decode.threshold);
        let options = DetectorOptions {
            threads: profile
                .and_then(|p| p.detector.threads)
                .map_or_else(all_cores, usize::from),
            threshold: Some(threshold.min(config.low_score)),
        };
        let mut transports: Vec<Box<dyn Transport>> = Vec::new();
        let mut tallies = Vec::new();
        for endpoint in setup.endpoints {
            let (tallied, tally) = Tallied::new(transport::open(endpoint).blame_input()?);
            transports.push(Box::new(tallied));
            tallies.push(tally);
        }
        Ok(Self {
            detector: Detector::new(setup.model, setup.size, options).blame_input()?,
            tracker: Tracker::new(config, setup.frame_period).blame_input()?,
            component: CameraComponent::new(component_config(setup)).blame_input()?,
            links: Links::of(transports),
            tallies,
            threshold,
        })
    }
}

/// One thread per core.
pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn component_config(setup: &Setup<'_>) -> ComponentConfig {
    let (system_id, model) = setup.profile.map_or((1, "replay"), |p| {
        (p.link.system_id, p.camera.name.as_str())
    });
    let mut config = ComponentConfig::new(system_id, model, setup.size);
    if let Some(profile) = setup.profile {
        config.component_id = profile.link.component_id;
        config.focal_mm = profile.camera.focal_mm as f32;
        config.pitch_um = profile.camera.pitch_um as f32;
    }
    let number = |text: &str| text.parse().unwrap_or(0);
    config.firmware = FirmwareVersion {
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        patch: number(env!("CARGO_PKG_VERSION_PATCH")),
        dev: 0,
    };
    // Nobody may be there to select: the oldest confirmed track is reported until someone does.
    config.auto_select = AutoSelect::OldestConfirmed;
    config.status_interval = Some(setup.status_interval);
    config
}

/// How fast frames are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pacing {
    /// One after the other. Logs are stamped with the frame's time since 1970, so that two runs are equal.
    AsFastAsPossible,
    /// At the frame's time, late ones at once; none is left out. Logs are stamped with the time of day.
    RealTime,
}

/// One frame and what came of it.
pub(crate) struct Seen<'a> {
    /// As the source gave it.
    pub(crate) frame: &'a Frame,
    /// Those of at least the threshold, highest score first.
    pub(crate) detections: &'a [invdet_core::Detection],
    /// All alive.
    pub(crate) tracks: &'a Tracks,
    /// True targets, where the source knows them.
    pub(crate) truth: &'a [TruthTarget],
}

/// Runs `source` to its end through all stages, calling `seen` for each frame.
///
/// # Errors
/// [`Failure::Input`] with what the source or the detector refused, and whatever `seen` fails with.
pub(crate) fn run(
    source: &mut dyn FrameSource,
    stages: &mut Stages,
    pacing: Pacing,
    mut seen: impl FnMut(&Seen<'_>) -> Result<(), Failure>,
) -> Result<Summary, Failure> {
    let mut frame = Frame::default();
    let mut detections = Detections::new();
    let mut tracks = Tracks::new();
    let mut outbox = Outbox::new();
    let mut summary = Summary::new(source.label());
    let mut confirmed = BTreeSet::<TrackId>::new();
    let mut clock: Option<Clock> = None;
    let bar = progress::bar(source.len(), "replay");
    let started = Instant::now();

    while source.next(&mut frame).blame_input()? == Next::Frame {
        let clock = *clock.get_or_insert_with(|| Clock::start(pacing, frame.at));
        while let Some(now) = clock.before(frame.at) {
            stages.serve(now, clock, &mut outbox);
            std::thread::sleep(frame.at.since(now).min(SERVE_EVERY));
        }
        let stamp = clock.stamp_us(frame.at);

        let timing = stages
            .detector
            .detect(&frame, &mut detections)
            .blame_input()?;
        let detected = Instant::now();
        let flags = frame.flags;
        stages
            .tracker
            .step(frame.at, flags, &detections, &mut tracks);
        let tracked = Instant::now();
        let component = &mut stages.component;
        stages.links.poll(stamp, |message, _| {
            component.on_message(frame.at, message, &mut outbox);
        });
        component.on_tracks(frame.at, &tracks, &mut outbox);
        component.tick(frame.at, &mut outbox);
        stages.links.publish(&mut outbox, stamp);
        let told = Instant::now();

        if flags.ffc {
            // Nothing was looked at: such a frame would flatter the times.
            summary.blind_frames += 1;
        } else {
            summary.add(timing, tracked - detected, told - tracked);
        }
        confirmed.extend(tracks.iter().filter(|t| t.is_believed()).map(|t| t.id));
        let strong = detections.partition_point(|d| d.score >= stages.threshold);
        seen(&Seen {
            frame: &frame,
            detections: detections.get(..strong).unwrap_or_default(),
            tracks: &tracks,
            truth: source.truth(frame.seq),
        })?;
        summary.frames += 1;
        summary.last = frame.at;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(clock) = clock {
        stages.component.set_condition(Condition::Stopping);
        stages.serve(summary.last, clock, &mut outbox);
    }
    summary.elapsed = started.elapsed();
    summary.tracks = confirmed.len();
    let counters = stages.links.counters().zip(&stages.tallies);
    summary.links = counters
        .map(|((name, counters), tally)| LinkSummary {
            name: name.to_owned(),
            counters,
            sent: tally.counts(),
        })
        .collect();
    Ok(summary)
}

impl Stages {
    /// Hears and tells what is due without a frame.
    fn serve(&mut self, now: MonoTime, clock: Clock, outbox: &mut Outbox) {
        let component = &mut self.component;
        self.links.poll(clock.stamp_us(now), |message, _| {
            component.on_message(now, message, outbox);
        });
        component.tick(now, outbox);
        self.links.publish(outbox, clock.stamp_us(now));
    }
}

/// Relation of the frames' time to ours.
#[derive(Debug, Clone, Copy)]
struct Clock {
    pacing: Pacing,
    first: MonoTime,
    started: Instant,
}

impl Clock {
    fn start(pacing: Pacing, first: MonoTime) -> Self {
        Self {
            pacing,
            first,
            started: Instant::now(),
        }
    }

    /// The time now, if frame time `at` is still to come and has to be waited for.
    fn before(&self, at: MonoTime) -> Option<MonoTime> {
        match self.pacing {
            Pacing::AsFastAsPossible => None,
            Pacing::RealTime => {
                let now = self.first + self.started.elapsed();
                (now < at).then_some(now)
            }
        }
    }

    /// Microseconds since 1970, for logs.
    fn stamp_us(&self, at: MonoTime) -> u64 {
        match self.pacing {
            Pacing::AsFastAsPossible => at.as_nanos() / 1000,
            Pacing::RealTime => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
            }
        }
    }
}
