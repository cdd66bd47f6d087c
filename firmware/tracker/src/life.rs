//! Life of a track: tentative, believed, dropped.
//!
//! In: for each frame, whether the track was seen in it. Out: its [`TrackState`] and whether it lives on. Pure: no
//! positions, no time, no randomness.
//!
//! ```text
//! birth -> Tentative --(confirm_hits of the last confirm_window frames)--> Believed: Confirmed <-> Coasting
//!              |                                                              |
//!              +--(too few hits in a full window)-----> dropped <--(max_misses in a row)
//! ```
//!
//! A blind frame (flat-field correction) says nothing about the target: it counts neither as seen nor as missed, until
//! `ffc_max_frames` of them have passed since the target was last seen.

use invdet_core::TrackState;

use crate::TrackerConfig;

/// What one frame says about a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A detection was given to it.
    Seen,
    /// The frame was good, none was given.
    Missed,
    /// The camera could not see.
    Blind,
}

/// Whether a track is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lives,
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Tentative,
    Believed,
}

/// The counters of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    trust: Trust,
    last: Sight,
    /// Bit `n`: seen `n` judged frames ago.
    history: u32,
    /// Judged frames in `history`, at most the window.
    judged: u32,
    misses: u32,
    blind: u32,
    age: u32,
}

impl Life {
    /// A track that begins with a detection in this frame.
    pub(crate) fn begin(config: &TrackerConfig) -> Self {
        Self {
            trust: if config.confirm_hits <= 1 {
                Trust::Believed
            } else {
                Trust::Tentative
            },
            last: Sight::Seen,
            history: 1,
            judged: 1,
            misses: 0,
            blind: 0,
            age: 0,
        }
    }

    /// Counts one frame.
    pub(crate) fn step(&mut self, config: &TrackerConfig, sight: Sight) -> Fate {
        self.age = self.age.saturating_add(1);
        self.last = sight;
        match sight {
            Sight::Seen => {
                self.misses = 0;
                self.blind = 0;
                self.judge(config, 1)
            }
            Sight::Blind if self.blind < config.ffc_max_frames => {
                self.blind += 1;
                Fate::Lives
            }
            Sight::Blind | Sight::Missed => {
                self.misses = self.misses.saturating_add(1);
                self.judge(config, 0)
            }
        }
    }

    fn judge(&mut self, config: &TrackerConfig, seen: u32) -> Fate {
        let window = config.confirm_window.clamp(1, u32::BITS);
        self.history = (self.history << 1 | seen) & (u32::MAX >> (u32::BITS - window));
        self.judged = (self.judged + 1).min(window);
        let hits = self.history.count_ones();
        match self.trust {
            Trust::Believed if self.misses >= config.max_misses => Fate::Dropped,
            Trust::Tentative if hits >= config.confirm_hits => {
                self.trust = Trust::Believed;
                Fate::Lives
            }
            // One hit short of belief may become it with the next frame; fewer is clutter that flickers.
            Trust::Tentative if self.judged == window && hits + 1 < config.confirm_hits => {
                Fate::Dropped
            }
            Trust::Tentative if self.misses >= window => Fate::Dropped,
            Trust::Believed | Trust::Tentative => Fate::Lives,
        }
    }

    /// As reported.
    pub(crate) fn state(&self) -> TrackState {
        match (self.trust, self.last) {
            (Trust::Tentative, _) => TrackState::Tentative,
            (Trust::Believed, Sight::Seen) => TrackState::Confirmed,
            (Trust::Believed, Sight::Missed | Sight::Blind) => TrackState::Coasting,
        }
    }

    /// Good frames in a row without a detection.
    pub(crate) fn misses(&self) -> u32 {
        self.misses
    }

    /// Frames since the last detection, blind ones included.
    pub(crate) fn unseen(&self) -> u32 {
        self.misses.saturating_add(self.blind)
    }

    /// Frames since birth.
    pub(crate) fn age(&self) -> u32 {
        self.age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `.` missed, `x` seen, `b` blind; the state after each frame, `-` once dropped.
    fn life(config: &TrackerConfig, frames: &str) -> String {
        let mut life = Life::begin(config);
        let mut states = String::new();
        for frame in frames.chars() {
            let sight = match frame {
                'x' => Sight::Seen,
                'b' => Sight::Blind,
                _ => Sight::Missed,
            };
            if life.step(config, sight) == Fate::Dropped {
                states.push('-');
                break;
            }
            states.push(match life.state() {
                TrackState::Tentative => 't',
                TrackState::Confirmed => 'C',
                TrackState::Coasting => 'c',
            });
        }
        states
    }

    #[test]
    fn track_lives_as_the_table_says() {
        let config = TrackerConfig {
            max_misses: 4,
            ffc_max_frames: 3,
            ..TrackerConfig::default()
        };
        for (frames, want) in [
            ("xx", "tC"),
            ("..xx", "tttC"),
            ("x..x", "tttC"),
            // Two hits in five frames wait for the third; once the birth has left the window, one is too few.
            ("x....", "tttt-"),
            ("....", "ttt-"),
            ("xx....", "tCccc-"),
            ("xx...x....", "tCcccCccc-"),
            ("bbbxx", "ttttC"),
            ("xxbbb...x", "tCccccccC"),
            ("xxbbb....", "tCcccccc-"),
            // Blindness beyond its limit counts as missed.
            ("xxbbbbbbb", "tCcccccc-"),
        ] {
            assert_eq!(life(&config, frames), want, "{frames}");
        }
    }

    #[test]
    fn coasting_track_is_dropped_after_max_misses() {
        let config = TrackerConfig::default();
        let states = life(&config, &format!("xx{}", ".".repeat(20)));
        assert_eq!(states, format!("tC{}-", "c".repeat(14)));
    }

    #[test]
    fn one_hit_is_enough_when_one_is_asked_for() {
        let config = TrackerConfig {
            confirm_hits: 1,
            ..TrackerConfig::default()
        };
        assert_eq!(Life::begin(&config).state(), TrackState::Confirmed);
    }

    #[test]
    fn longest_window_does_not_overflow() {
        let config = TrackerConfig {
            confirm_hits: 32,
            confirm_window: 32,
            ..TrackerConfig::default()
        };
        assert_eq!(
            life(&config, &"x".repeat(40)),
            format!("{}{}", "t".repeat(30), "C".repeat(10))
        );
    }
}
