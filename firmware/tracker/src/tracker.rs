use std::time::Duration;

use invdet_core::{
    Detection, Detections, FrameFlags, MAX_DETECTIONS, MAX_TRACKS, MonoTime, TrackId, TrackState,
    Tracks,
};

use crate::assign::{Assignment, MAX_SIDE};
use crate::gate;
use crate::life::{Fate, Sight};
use crate::target::Target;
use crate::{TrackerConfig, TrackerError, twins};

const _: () = assert!(MAX_TRACKS <= MAX_SIDE && MAX_DETECTIONS <= MAX_SIDE);

/// Follows targets from frame to frame.
///
/// Two passes as in ByteTrack (Zhang et al., ECCV 2022), on distances instead of overlaps, over two interacting Kalman
/// filters for each target. Believed tracks choose before tentative ones, strong detections are given before weak ones.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    frame_period_s: f64,
    memory: Box<Memory>,
    last: Option<MonoTime>,
    last_flags: FrameFlags,
    /// Frames still to come in which no track is started.
    settling: u32,
    next_id: u32,
}

/// Everything large, made once.
#[derive(Debug)]
struct Memory {
    /// Oldest first.
    targets: heapless::Vec<Target, MAX_TRACKS>,
    assignment: Assignment,
}

/// What a detection still is in this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Not to be used.
    Refused,
    Free,
    Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Believed,
    Tentative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Band {
    High,
    Low,
}

/// Order in which detections are given away.
const PASSES: [(Trust, Band); 4] = [
    (Trust::Believed, Band::High),
    (Trust::Believed, Band::Low),
    (Trust::Tentative, Band::High),
    (Trust::Tentative, Band::Low),
];

impl Tracker {
    /// A tracker without tracks.
    ///
    /// * `frame_period`: nominal time between two frames; the noise of the motion models is per frame of this length.
    ///
    /// # Errors
    /// [`TrackerError`] with all that is wrong with `config`, or if `frame_period` is zero or absurd.
    pub fn new(config: TrackerConfig, frame_period: Duration) -> Result<Self, TrackerError> {
        config.check(frame_period)?;
        Ok(Self {
            config,
            frame_period_s: frame_period.as_secs_f64(),
            memory: Box::new(Memory {
                targets: heapless::Vec::new(),
                assignment: Assignment::new(),
            }),
            last: None,
            last_flags: FrameFlags::default(),
            settling: 0,
            next_id: 1,
        })
    }

    /// Takes one frame in and writes all tracks alive, oldest first, as they are at `at`.
    ///
    /// * `at`: mid-exposure. Lost frames show as a longer step and are bridged. A step beyond `max_misses` frame periods
    ///   (next to a flat-field correction: `ffc_max_frames`, if longer) or back in time forgets all tracks first. The
    ///   same time twice is a repeated frame: the tracks are written again, nothing is counted.
    /// * `flags`: in a flat-field correction the detections are not looked at and all tracks coast.
    /// * `detections`: input pixels, highest score first; those that are not finite or out of range are passed over.
    /// * `tracks`: overwritten.
    pub fn step(
        &mut self,
        at: MonoTime,
        flags: FrameFlags,
        detections: &Detections,
        tracks: &mut Tracks,
    ) {
        if self.last != Some(at) {
            self.advance(at, flags);
            if flags.ffc {
                self.memory.miss_all(&self.config, Sight::Blind);
                self.settling = self.config.ffc_settle_frames;
            } else {
                self.see(detections);
            }
            self.last = Some(at);
            self.last_flags = flags;
        }
        tracks.clear();
        // Cannot overflow: both hold MAX_TRACKS.
        tracks.extend(
            self.memory
                .targets
                .iter()
                .map(|target| target.track(self.frame_period_s)),
        );
    }

    /// Forgets all tracks and the time; identities go on, so that none is used twice.
    pub fn reset(&mut self) {
        self.memory.targets.clear();
        self.last = None;
        self.last_flags = FrameFlags::default();
        self.settling = 0;
    }

    /// Brings the targets to the time of the frame.
    fn advance(&mut self, at: MonoTime, flags: FrameFlags) {
        let Some(last) = self.last else { return };
        let frames = at.since(last).as_secs_f64() / self.frame_period_s;
        let longest = if flags.ffc || self.last_flags.ffc {
            self.config.max_misses.max(self.config.ffc_max_frames)
        } else {
            self.config.max_misses
        };
        // Half a frame for jitter.
        if at < last || frames > f64::from(longest) + 0.5 {
            self.reset();
            return;
        }
        for target in &mut self.memory.targets {
            target.predict(frames);
        }
        self.memory.targets.retain(Target::is_finite);
    }

    fn see(&mut self, detections: &Detections) {
        let mut claims = [Claim::Refused; MAX_DETECTIONS];
        for (claim, detection) in claims.iter_mut().zip(detections) {
            if gate::is_usable(detection) && detection.score >= self.config.low_score {
                *claim = Claim::Free;
            }
        }
        self.memory.associate(&self.config, detections, &mut claims);
        twins::count(&mut self.memory.targets);
        self.memory
            .targets
            .retain(|target| !target.twin.is_some_and(|twin| twin.is_settled()));
        if self.settling > 0 {
            self.settling -= 1;
            return;
        }
        for (detection, claim) in detections.iter().zip(claims) {
            if claim == Claim::Free
                && detection.score >= self.config.birth_score
                && !twins::is_on_believed(&self.memory.targets, detection)
            {
                self.give_birth(detection);
            }
        }
    }

    /// Starts a track if there is room; the strongest detections come first.
    fn give_birth(&mut self, detection: &Detection) {
        let Some(next_id) = self.next_id.checked_add(1) else {
            return;
        };
        let target = Target::begin(TrackId(self.next_id), detection, &self.config);
        if self.memory.targets.push(target).is_ok() {
            self.next_id = next_id;
        }
    }
}

impl Memory {
    /// Counts a frame in which no target was seen.
    fn miss_all(&mut self, config: &TrackerConfig, sight: Sight) {
        self.targets
            .retain_mut(|target| target.life.step(config, sight) == Fate::Lives);
    }

    /// Gives detections to targets, and counts the frame for all of them.
    fn associate(
        &mut self,
        config: &TrackerConfig,
        detections: &Detections,
        claims: &mut [Claim; MAX_DETECTIONS],
    ) {
        let mut given: [Option<usize>; MAX_TRACKS] = [None; MAX_TRACKS];
        for (trust, band) in PASSES {
            // Rows and columns of this pass, as indices of targets and detections.
            let mut rows: heapless::Vec<usize, MAX_TRACKS> = heapless::Vec::new();
            let mut columns: heapless::Vec<usize, MAX_DETECTIONS> = heapless::Vec::new();
            rows.extend(
                (0..self.targets.len())
                    .filter(|&i| given[i].is_none() && trust_of(&self.targets[i]) == trust),
            );
            columns.extend(
                (0..detections.len()).filter(|&j| {
                    claims[j] == Claim::Free && band_of(&detections[j], config) == band
                }),
            );
            if rows.is_empty() || columns.is_empty() {
                continue;
            }
            self.assignment.clear(rows.len(), columns.len());
            for (row, &i) in rows.iter().enumerate() {
                let expected = self.targets[i].expected();
                for (column, &j) in columns.iter().enumerate() {
                    if let Some(cost) = gate::cost(&expected, &detections[j]) {
                        self.assignment.allow(row, column, cost);
                    }
                }
            }
            for (&i, column) in rows.iter().zip(self.assignment.solve()) {
                if let Some(&j) = column.and_then(|column| columns.get(column)) {
                    given[i] = Some(j);
                    claims[j] = Claim::Taken;
                }
            }
        }
        let mut given = given.into_iter();
        self.targets.retain_mut(|target| {
            let fate = match given.next().flatten().and_then(|j| detections.get(j)) {
                Some(detection) => target.observe(detection, config),
                None => target.life.step(config, Sight::Missed),
            };
            fate == Fate::Lives
        });
    }
}

fn trust_of(target: &Target) -> Trust {
    match target.life.state() {
        TrackState::Tentative => Trust::Tentative,
        TrackState::Confirmed | TrackState::Coasting => Trust::Believed,
    }
}

fn band_of(detection: &Detection, config: &TrackerConfig) -> Band {
    if detection.score >= config.high_score {
        Band::High
    } else {
        Band::Low
    }
}

#[cfg(test)]
mod tests;
