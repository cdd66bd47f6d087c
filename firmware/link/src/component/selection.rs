//! Which track is reported.
//!
//! In: what the operator pointed at, and the tracks of each frame. Out: a [`Report`]. Refused: changing to another
//! track by itself. A selected track stays selected until it is stopped, even when it is lost
//! (<https://mavlink.io/en/services/camera.html>); only an automatic selection moves on.

use invdet_core::{PixelPoint, Track, TrackId, TrackState, Tracks};

use super::config::AutoSelect;

/// How the target is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `CAMERA_TRACKING_MODE_POINT`.
    Point,
    /// `CAMERA_TRACKING_MODE_RECTANGLE`.
    Rectangle,
}

/// What there is to say about the selected track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Report {
    /// Nothing is selected.
    Idle,
    /// Selected and seen.
    Seen(Track, Mark),
    /// Selected, not seen now; the position is predicted.
    Predicted(Track, Mark),
    /// Selected, but the track is no more.
    Lost(Mark),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// No command so far.
    Uncommanded,
    /// By [`AutoSelect`].
    Automatic(TrackId),
    /// By the operator.
    Commanded(TrackId, Mark),
    /// By the operator: nothing.
    Stopped,
}

/// Region of the image to pick a track from, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Region {
    /// A track whose centre is within `radius` of `centre`, or whose box holds `centre`.
    Disc { centre: PixelPoint, radius: f32 },
    /// A track whose centre is in the box with these corners.
    Box {
        top_left: PixelPoint,
        bottom_right: PixelPoint,
    },
}

impl Region {
    fn centre(&self) -> PixelPoint {
        match self {
            Region::Disc { centre, .. } => *centre,
            Region::Box {
                top_left: a,
                bottom_right: b,
            } => PixelPoint::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0),
        }
    }

    fn holds(&self, track: &Track) -> bool {
        let at = track.center();
        match self {
            Region::Disc { centre, radius } => {
                let in_box = (at.x - centre.x).abs() <= track.w / 2.0
                    && (at.y - centre.y).abs() <= track.h / 2.0;
                in_box || at.distance(*centre) <= *radius
            }
            Region::Box {
                top_left,
                bottom_right,
            } => {
                (top_left.x..=bottom_right.x).contains(&at.x)
                    && (top_left.y..=bottom_right.y).contains(&at.y)
            }
        }
    }

    const fn mark(&self) -> Mark {
        match self {
            Region::Disc { .. } => Mark::Point,
            Region::Box { .. } => Mark::Rectangle,
        }
    }
}

/// The selection over time.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    auto_select: AutoSelect,
    aim: Aim,
    tracks: Tracks,
}

impl Selection {
    pub(super) const fn new(auto_select: AutoSelect) -> Self {
        Self {
            auto_select,
            aim: Aim::Uncommanded,
            tracks: Tracks::new(),
        }
    }

    /// Selects the believed track nearest to the centre of `region`; `None`, and no change, if it holds none.
    pub(super) fn pick(&mut self, region: Region) -> Option<TrackId> {
        let centre = region.centre();
        let nearest = self
            .tracks
            .iter()
            .filter(|track| track.is_believed() && region.holds(track))
            .min_by(|a, b| {
                a.center()
                    .distance(centre)
                    .total_cmp(&b.center().distance(centre))
            })?;
        self.aim = Aim::Commanded(nearest.id, region.mark());
        Some(nearest.id)
    }

    /// Selects nothing, until the next [`Selection::pick`].
    pub(super) const fn stop(&mut self) {
        self.aim = Aim::Stopped;
    }

    /// Takes the tracks of a frame.
    pub(super) fn update(&mut self, tracks: &Tracks) {
        self.tracks.clone_from(tracks);
        let is_gone = match self.aim {
            Aim::Uncommanded => true,
            Aim::Automatic(id) => self.find(id).is_none(),
            Aim::Commanded(..) | Aim::Stopped => false,
        };
        if is_gone && self.auto_select == AutoSelect::OldestConfirmed {
            let oldest = self
                .tracks
                .iter()
                .find(|track| track.state == TrackState::Confirmed);
            self.aim = oldest.map_or(Aim::Uncommanded, |track| Aim::Automatic(track.id));
        }
    }

    /// What is selected.
    pub(super) const fn selected(&self) -> Option<TrackId> {
        match self.aim {
            Aim::Automatic(id) | Aim::Commanded(id, _) => Some(id),
            Aim::Uncommanded | Aim::Stopped => None,
        }
    }

    /// What there is to say.
    pub(super) fn report(&self) -> Report {
        let (id, mark) = match self.aim {
            Aim::Uncommanded | Aim::Stopped => return Report::Idle,
            Aim::Automatic(id) => (id, Mark::Point),
            Aim::Commanded(id, mark) => (id, mark),
        };
        match self.find(id) {
            None => Report::Lost(mark),
            Some(track) if track.state == TrackState::Coasting => Report::Predicted(*track, mark),
            Some(track) => Report::Seen(*track, mark),
        }
    }

    fn find(&self, id: TrackId) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }
}
