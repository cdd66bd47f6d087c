//! The last positions of each track.

use invdet_core::{MAX_TRACKS, PixelPoint, Track, TrackId};

/// Positions kept of a track.
pub(super) const LENGTH: usize = 20;

/// One track's tail, oldest first.
#[derive(Debug, Clone, Copy)]
struct Trail {
    id: TrackId,
    points: [PixelPoint; LENGTH],
    len: usize,
}

/// Tails of all tracks alive; bounded, allocates once.
#[derive(Debug)]
pub(super) struct Trails(Vec<Trail>);

impl Default for Trails {
    fn default() -> Self {
        Self(Vec::with_capacity(MAX_TRACKS))
    }
}

impl Trails {
    /// Appends the tracks' positions and forgets the tracks that are gone.
    pub(super) fn update(&mut self, tracks: &[Track]) {
        self.0
            .retain(|trail| tracks.iter().any(|track| track.id == trail.id));
        for track in tracks {
            if let Some(trail) = self.0.iter_mut().find(|trail| trail.id == track.id) {
                trail.push(track.center());
            } else if self.0.len() < MAX_TRACKS {
                let mut trail = Trail {
                    id: track.id,
                    points: [PixelPoint::default(); LENGTH],
                    len: 0,
                };
                trail.push(track.center());
                self.0.push(trail);
            }
        }
    }

    /// A track's tail, oldest first, its present position last.
    pub(super) fn of(&self, id: TrackId) -> &[PixelPoint] {
        let trail = self.0.iter().find(|trail| trail.id == id);
        trail
            .and_then(|trail| trail.points.get(..trail.len))
            .unwrap_or_default()
    }
}

impl Trail {
    fn push(&mut self, point: PixelPoint) {
        if self.len == LENGTH {
            self.points.rotate_left(1);
            self.len -= 1;
        }
        if let Some(slot) = self.points.get_mut(self.len) {
            *slot = point;
            self.len += 1;
        }
    }
}
