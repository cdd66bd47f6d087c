//! Two tracks on one target.
//!
//! In: the targets of a frame, oldest first. Out: for each believed one, how long it has shared its place with an older
//! believed one. A target lost and found again can leave two tracks; after some frames together the younger is dropped,
//! so that the identity the operator knows stays. Targets that merely cross part before. For the same reason, a detection
//! left over on a believed target starts no track.

use invdet_core::{Detection, TrackId, TrackState};
use nalgebra::Vector2;

use crate::target::Target;

/// Distance below which two tracks are on one target, px: the network's peaks keep at least one cell of 2 px apart.
const TWIN_PX: f64 = 1.5;
/// Frames in a row together after which the younger is dropped: targets crossing at 0.4 px/frame or more part earlier.
const TWIN_FRAMES: u32 = 8;

/// Company of an older track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Twin {
    older: TrackId,
    frames: u32,
}

impl Twin {
    /// Whether the pair has been together for so long that it is one target.
    pub(crate) fn is_settled(&self) -> bool {
        self.frames >= TWIN_FRAMES
    }
}

/// Counts this frame for every target; at most one older companion, the oldest, is followed.
pub(crate) fn count(targets: &mut [Target]) {
    for younger in 1..targets.len() {
        let (older, rest) = targets.split_at_mut(younger);
        let Some(target) = rest.first_mut() else {
            return;
        };
        target.twin = companion(older, target);
    }
}

/// Whether the detection lies on a target that is already believed.
pub(crate) fn is_on_believed(targets: &[Target], detection: &Detection) -> bool {
    let place = Vector2::new(f64::from(detection.x), f64::from(detection.y));
    targets.iter().any(|target| is_believed_at(target, place))
}

fn companion(older: &[Target], target: &Target) -> Option<Twin> {
    if target.life.state() == TrackState::Tentative {
        return None;
    }
    let place = target.place();
    let id = older.iter().find(|other| is_believed_at(other, place))?.id;
    let before = target
        .twin
        .filter(|twin| twin.older == id)
        .map_or(0, |twin| twin.frames);
    Some(Twin {
        older: id,
        frames: before.saturating_add(1),
    })
}

fn is_believed_at(target: &Target, place: Vector2<f64>) -> bool {
    target.life.state() != TrackState::Tentative && (target.place() - place).norm() < TWIN_PX
}
