use crate::PixelPoint;

/// Most tracks alive at once.
pub const MAX_TRACKS: usize = 64;

/// Identity of a track; never reused within a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

/// Where a track is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// Seen, not yet often enough to be believed.
    Tentative,
    /// Believed and seen in this frame.
    Confirmed,
    /// Believed, not seen in this frame: the position is predicted.
    Coasting,
}

impl TrackState {
    /// The word used in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            TrackState::Tentative => "tentative",
            TrackState::Confirmed => "confirmed",
            TrackState::Coasting => "coasting",
        }
    }
}

/// One target over frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Identity.
    pub id: TrackId,
    /// See [`TrackState`].
    pub state: TrackState,
    /// Centre, input pixels, filtered.
    pub x: f32,
    /// Centre, input pixels, filtered.
    pub y: f32,
    /// Width, input pixels, smoothed.
    pub w: f32,
    /// Height, input pixels, smoothed.
    pub h: f32,
    /// Velocity to the right, pixels per second.
    pub vx: f32,
    /// Velocity downwards, pixels per second.
    pub vy: f32,
    /// Score of the last detection that updated the track, 0..=1.
    pub score: f32,
    /// Standard deviation of the position (root of the mean of both variances), pixels.
    pub sigma_px: f32,
    /// Frames since birth.
    pub age: u32,
    /// Frames in a row without a detection.
    pub misses: u32,
}

impl Track {
    /// Centre of the box.
    pub const fn center(&self) -> PixelPoint {
        PixelPoint::new(self.x, self.y)
    }

    /// Whether the track has been believed at some time: confirmed or coasting.
    pub const fn is_believed(&self) -> bool {
        matches!(self.state, TrackState::Confirmed | TrackState::Coasting)
    }
}

/// All tracks alive, oldest first; bounded, never allocates.
pub type Tracks = heapless::Vec<Track, MAX_TRACKS>;
