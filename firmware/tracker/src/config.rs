//! What may be set of the tracker, and the check of it.
//!
//! In: the `[tracker]` table of a profile. Refused: values out of range, NaN included, all of them at once.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most frames in `confirm_window`: the history of a track is that many bits.
const MAX_WINDOW: u32 = 32;
/// Most frames to coast; beyond, the predicted position says nothing.
const MAX_FRAMES: u32 = 1000;
const MIN_PERIOD: Duration = Duration::from_micros(100);
const MAX_PERIOD: Duration = Duration::from_secs(60);

/// Settings of the tracker; every key may be left out.
///
/// The constants of motion and association are in the code beside their origin: no two payloads differ in them so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackerConfig {
    /// Detections of at least this score choose tracks first (ByteTrack's high threshold), 0..=1.
    pub high_score: f32,
    /// Detections below are not used at all; from here to `high_score` they only continue existing tracks, 0..=1.
    pub low_score: f32,
    /// A detection that no track took must have at least this score to start one, 0..=1.
    pub birth_score: f32,
    /// Frames with a detection, of the last `confirm_window`, that make a tentative track believed.
    pub confirm_hits: u32,
    /// Frames over which a tentative track is judged.
    pub confirm_window: u32,
    /// Frames in a row without a detection after which a believed track is dropped; also the longest gap of time, in
    /// frame periods, over which tracks are continued.
    pub max_misses: u32,
    /// Frames of flat-field correction that a track survives without counting misses.
    pub ffc_max_frames: u32,
    /// Frames after a flat-field correction in which no track is started: the picture still settles.
    pub ffc_settle_frames: u32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            high_score: 0.5,
            low_score: 0.1,
            birth_score: 0.5,
            confirm_hits: 3,
            confirm_window: 5,
            max_misses: 15,
            ffc_max_frames: 90,
            ffc_settle_frames: 10,
        }
    }
}

/// One value that the tracker cannot work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Key of the `[tracker]` table.
    pub key: &'static str,
    /// The value.
    pub found: String,
    /// What it must be.
    pub wanted: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, wanted {}", self.key, self.found, self.wanted)
    }
}

/// Why a tracker could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrackerError {
    /// The configuration has at least one problem.
    #[error("tracker settings: {}", join(.problems))]
    Config {
        /// All of them.
        problems: Vec<ConfigProblem>,
    },
    /// The time between two frames is zero, absurdly short or absurdly long.
    #[error(
        "frame period is {found:?}, wanted {MIN_PERIOD:?}..={MAX_PERIOD:?}: check the frame rate of the source"
    )]
    FramePeriod {
        /// What was given.
        found: Duration,
    },
}

fn join(problems: &[ConfigProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ConfigProblem::to_string).collect();
    lines.join("; ")
}

impl TrackerConfig {
    /// All that is wrong with the values; empty if they can be used.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut check = |legal: bool, key, found: String, wanted: String| {
            if !legal {
                problems.push(ConfigProblem { key, found, wanted });
            }
        };
        let above_zero = |score: f32| score > 0.0 && score <= 1.0;
        check(
            above_zero(self.low_score),
            "low_score",
            self.low_score.to_string(),
            "a score above 0, up to 1".into(),
        );
        // A low score that is itself wrong must not make the others look wrong.
        let low = if above_zero(self.low_score) {
            self.low_score
        } else {
            0.0
        };
        for (key, score) in [
            ("high_score", self.high_score),
            ("birth_score", self.birth_score),
        ] {
            check(
                (low..=1.0).contains(&score),
                key,
                score.to_string(),
                format!("a score from low_score ({low}) to 1"),
            );
        }
        check(
            (1..=MAX_WINDOW).contains(&self.confirm_window),
            "confirm_window",
            self.confirm_window.to_string(),
            format!("1..={MAX_WINDOW} frames"),
        );
        let window = self.confirm_window.clamp(1, MAX_WINDOW);
        check(
            (1..=window).contains(&self.confirm_hits),
            "confirm_hits",
            self.confirm_hits.to_string(),
            format!("1..=confirm_window ({window}) frames"),
        );
        check(
            (1..=MAX_FRAMES).contains(&self.max_misses),
            "max_misses",
            self.max_misses.to_string(),
            format!("1..={MAX_FRAMES} frames"),
        );
        for (key, frames) in [
            ("ffc_max_frames", self.ffc_max_frames),
            ("ffc_settle_frames", self.ffc_settle_frames),
        ] {
            check(
                frames <= MAX_FRAMES,
                key,
                frames.to_string(),
                format!("0..={MAX_FRAMES} frames"),
            );
        }
        problems
    }

    pub(crate) fn check(&self, frame_period: Duration) -> Result<(), TrackerError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(TrackerError::Config { problems });
        }
        if !(MIN_PERIOD..=MAX_PERIOD).contains(&frame_period) {
            return Err(TrackerError::FramePeriod {
                found: frame_period,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_have_no_problem() {
        assert_eq!(TrackerConfig::default().problems(), []);
    }

    #[test]
    fn all_problems_are_told_at_once_and_not_a_number_is_one() {
        let config = TrackerConfig {
            high_score: f32::NAN,
            low_score: 0.0,
            birth_score: 1.5,
            confirm_hits: 6,
            confirm_window: 5,
            max_misses: 0,
            ffc_max_frames: 5000,
            ffc_settle_frames: 0,
        };
        let keys: Vec<&str> = config.problems().iter().map(|p| p.key).collect();
        assert_eq!(
            keys,
            [
                "low_score",
                "high_score",
                "birth_score",
                "confirm_hits",
                "max_misses",
                "ffc_max_frames"
            ]
        );
        let error = config
            .check(Duration::from_millis(33))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("high_score is NaN") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn frame_period_of_zero_is_refused() {
        let error = TrackerConfig::default().check(Duration::ZERO).unwrap_err();
        assert_eq!(
            error,
            TrackerError::FramePeriod {
                found: Duration::ZERO
            }
        );
    }
}
