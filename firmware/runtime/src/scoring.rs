//! Tracks against the truth of a scene.
//!
//! In: believed tracks and true targets, frame by frame. Out: [`Score`]: targets found, false tracks, switches of
//! identity, error of position. A track belongs to a target at most [`MATCH_PX`] away; pairs of the last frame stay
//! while they can (as CLEAR MOT has it), the others are formed nearest first.

use std::collections::{BTreeMap, BTreeSet};

use invdet_capture::TruthTarget;
use invdet_core::{PixelPoint, Track, TrackId, TrackState};

/// Farthest that a track may be from its target, pixels.
pub(crate) const MATCH_PX: f32 = 6.0;

/// Share of its visible frames in which a target has to have a confirmed track to count as found.
const FOUND_SHARE: f64 = 0.5;

#[derive(Debug, Default)]
struct Target {
    visible: u64,
    confirmed: u64,
    last: Option<TrackId>,
    switches: u64,
}

/// Counts so far.
#[derive(Debug, Default)]
pub(crate) struct Scoring {
    targets: BTreeMap<u32, Target>,
    believed: BTreeSet<TrackId>,
    /// Of `believed`, those that were near a target at some time, visible or not.
    near: BTreeSet<TrackId>,
    errors_px: Vec<f32>,
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Targets that were visible in at least one frame.
    pub(crate) present: usize,
    /// Of them those with a confirmed track in at least half of their visible frames.
    pub(crate) found: usize,
    /// Tracks that were believed and never near a target.
    pub(crate) false_tracks: usize,
    /// Changes of the track of a target.
    pub(crate) switches: u64,
    /// Median distance of matched tracks from their targets, pixels.
    pub(crate) median_error_px: Option<f32>,
}

impl Scoring {
    /// Takes one frame.
    pub(crate) fn add(&mut self, tracks: &[Track], truth: &[TruthTarget]) {
        let believed: Vec<&Track> = tracks.iter().filter(|t| t.is_believed()).collect();
        for track in &believed {
            self.believed.insert(track.id);
            if truth.iter().any(|t| distance(track, t) <= MATCH_PX) {
                self.near.insert(track.id);
            }
        }
        for target in truth.iter().filter(|t| t.visible) {
            self.targets.entry(target.id).or_default().visible += 1;
        }
        for (distance, target, track) in self.pairs(&believed, truth) {
            let entry = self.targets.entry(target.id).or_default();
            entry.confirmed += u64::from(track.state == TrackState::Confirmed);
            if entry.last.is_some_and(|last| last != track.id) {
                entry.switches += 1;
            }
            entry.last = Some(track.id);
            self.errors_px.push(distance);
        }
    }

    /// Visible targets and their tracks, each at most once.
    fn pairs<'a>(
        &self,
        tracks: &[&'a Track],
        truth: &'a [TruthTarget],
    ) -> Vec<(f32, &'a TruthTarget, &'a Track)> {
        let mut near: Vec<(bool, f32, &TruthTarget, &Track)> = Vec::new();
        for target in truth.iter().filter(|t| t.visible) {
            let last = self.targets.get(&target.id).and_then(|t| t.last);
            for &track in tracks {
                let distance = distance(track, target);
                if distance <= MATCH_PX {
                    near.push((last != Some(track.id), distance, target, track));
                }
            }
        }
        near.sort_by(|a, b| (a.0.cmp(&b.0)).then(a.1.total_cmp(&b.1)));
        let (mut targets, mut taken) = (BTreeSet::new(), BTreeSet::new());
        let free = near.into_iter().filter(|(_, _, target, track)| {
            let is_free = !targets.contains(&target.id) && !taken.contains(&track.id);
            if is_free {
                targets.insert(target.id);
                taken.insert(track.id);
            }
            is_free
        });
        free.map(|(_, d, target, track)| (d, target, track))
            .collect()
    }

    /// The result over all frames.
    pub(crate) fn score(&self) -> Score {
        let mut errors = self.errors_px.clone();
        errors.sort_by(f32::total_cmp);
        let present = self.targets.values().filter(|t| t.visible > 0);
        let found = |t: &&Target| t.confirmed as f64 >= FOUND_SHARE * t.visible as f64;
        Score {
            present: present.clone().count(),
            found: present.filter(found).count(),
            false_tracks: self.believed.difference(&self.near).count(),
            switches: self.targets.values().map(|t| t.switches).sum(),
            median_error_px: errors.get(errors.len() / 2).copied(),
        }
    }
}

fn distance(track: &Track, target: &TruthTarget) -> f32 {
    track.center().distance(PixelPoint::new(target.x, target.y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: u32, x: f32, state: TrackState) -> Track {
        Track {
            id: TrackId(id),
            state,
            x,
            y: 10.0,
            w: 3.0,
            h: 3.0,
            vx: 0.0,
            vy: 0.0,
            score: 0.9,
            sigma_px: 0.5,
            age: 9,
            misses: 0,
        }
    }

    fn target(id: u32, x: f32) -> TruthTarget {
        TruthTarget {
            id,
            x,
            y: 10.0,
            w: 3.0,
            h: 3.0,
            visible: true,
            scr: 4.0,
        }
    }

    use TrackState::{Coasting, Confirmed, Tentative};

    #[test]
    fn target_is_found_with_a_confirmed_track_in_half_of_its_frames() {
        for (confirmed, found) in [(5, 1), (4, 0)] {
            let mut scoring = Scoring::default();
            for frame in 0..10 {
                let state = if frame < confirmed {
                    Confirmed
                } else {
                    Coasting
                };
                scoring.add(&[track(1, 50.0, state)], &[target(1, 52.0)]);
            }
            let score = scoring.score();
            assert_eq!((score.present, score.found), (1, found));
            assert_eq!(score.median_error_px, Some(2.0));
        }
    }

    #[test]
    fn tracks_that_never_come_near_are_false_and_tentative_ones_are_not_counted() {
        let mut scoring = Scoring::default();
        let tracks = [
            track(1, 50.0, Confirmed),
            track(2, 90.0, Confirmed),
            track(3, 120.0, Tentative),
        ];
        scoring.add(&tracks, &[target(1, 50.0)]);
        assert_eq!(scoring.score().false_tracks, 1);
        // A target that has not faded in yet is a target all the same.
        let mut dim = target(2, 88.0);
        dim.visible = false;
        scoring.add(&tracks, &[dim]);
        let score = scoring.score();
        assert_eq!((score.false_tracks, score.present), (0, 1));
    }

    #[test]
    fn pairs_stay_while_they_can_and_a_change_of_track_is_a_switch() {
        let mut scoring = Scoring::default();
        let truth = [target(1, 50.0), target(2, 54.0)];
        scoring.add(
            &[track(7, 50.0, Confirmed), track(8, 54.0, Confirmed)],
            &truth,
        );
        // Nearest first would exchange the two.
        scoring.add(
            &[track(7, 53.0, Confirmed), track(8, 51.0, Confirmed)],
            &truth,
        );
        assert_eq!(scoring.score().switches, 0);
        scoring.add(
            &[track(9, 50.0, Confirmed), track(8, 54.0, Confirmed)],
            &truth,
        );
        assert_eq!(scoring.score().switches, 1);
    }

    #[test]
    fn nothing_seen_is_nothing_found() {
        let mut scoring = Scoring::default();
        scoring.add(&[], &[target(1, 5.0)]);
        let score = scoring.score();
        assert_eq!(
            (score.present, score.found, score.median_error_px),
            (1, 0, None)
        );
    }
}
