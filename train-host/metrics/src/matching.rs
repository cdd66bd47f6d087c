//! Which detection is which target, under the criteria papers use.
//!
//! In: the targets and detections of one image and a score threshold. Out: pairs. A detection at the threshold is
//! kept (`score >= threshold`). Every target and every detection is in one pair at most.
//!
//! | | criterion | pairing |
//! |---|---|---|
//! | P1 | box IoU >= 0.5 | by falling score, each detection takes the free target of highest IoU |
//! | P2 | centres closer than 3 px | most pairs within the gate, then least total distance (Hungarian) |
//! | | the same, raster-greedy | each target takes the *first* free detection within the gate, both in raster order |
//! | P3 | centres at most 5 px apart (SPIRE) | each target takes the *nearest* free detection of *all* scores; the threshold comes after |
//! | P4 | `S_geo` >= 0.5 | most pairs within the gate, then greatest total `S_geo` (Hungarian) |
//!
//! YOLO's own test loop differs from P1 in one point: a detection whose best target is taken is lost there, even if
//! another target would do.

use crate::assignment::assign_by;
use crate::boxes::{ScoredBox, Target};
use crate::counts::Counts;

/// Least box IoU of a P1 hit.
pub const BOX_IOU_MIN: f64 = 0.5;
/// Centres must be closer than this for a P2 hit, pixels (strictly).
pub const CENTER_GATE_PX: f64 = 3.0;
/// Centres may be this far apart for a P3 hit, pixels (inclusive).
pub const SPIRE_GATE_PX: f64 = 5.0;
/// Least `S_geo` of a P4 hit.
pub const S_GEO_MIN: f64 = 0.5;

/// When a detection counts as a hit; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// P1.
    BoxIou50,
    /// P2.
    Center3Px,
    /// P2 with the pairing rule of Pd. Raster order of boxes: by top edge, then left edge.
    Center3PxRaster,
    /// P3. A detection on the centre of the top-left pixel, `(0, 0)` in SPIRE's files, is padding there and dropped.
    Spire5Px,
    /// P4.
    Geo05,
}

impl Criterion {
    /// Whether the pair is within the criterion's gate.
    pub fn admits(self, target: &Target, found: &ScoredBox) -> bool {
        match self {
            Criterion::BoxIou50 => target.box_iou(found) >= BOX_IOU_MIN,
            Criterion::Center3Px | Criterion::Center3PxRaster => {
                target.center_distance(found) < CENTER_GATE_PX
            }
            Criterion::Spire5Px => target.center_distance(found) <= SPIRE_GATE_PX,
            Criterion::Geo05 => target.s_geo(found) >= S_GEO_MIN,
        }
    }
}

/// The pairs of one image.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Index of the target and of its detection, by target.
    pub pairs: Vec<(usize, usize)>,
    /// Indices of kept detections without a target, ascending.
    pub false_detections: Vec<usize>,
    /// Number of targets.
    pub targets: usize,
}

impl Matching {
    /// Pairs the detections that reach `threshold` with the targets.
    pub fn of(
        criterion: Criterion,
        targets: &[Target],
        detections: &[ScoredBox],
        threshold: f32,
    ) -> Self {
        let reaches = |d: &ScoredBox| d.score >= threshold;
        if criterion == Criterion::Spire5Px {
            return Self::spire(targets, detections, reaches);
        }
        let kept: Vec<usize> = detections
            .iter()
            .enumerate()
            .filter(|(_, d)| reaches(d))
            .map(|(index, _)| index)
            .collect();
        let boxes: Vec<&ScoredBox> = kept.iter().filter_map(|&i| detections.get(i)).collect();
        let pairs = match criterion {
            Criterion::BoxIou50 => greedy_by_score(targets, &boxes),
            Criterion::Center3PxRaster => raster_greedy(targets, &boxes),
            Criterion::Center3Px | Criterion::Spire5Px => {
                gated_assignment(targets, &boxes, criterion, |t, d| {
                    t.center_distance(d) / CENTER_GATE_PX
                })
            }
            Criterion::Geo05 => {
                gated_assignment(targets, &boxes, criterion, |t, d| 1.0 - t.s_geo(d))
            }
        };
        let pairs = pairs
            .into_iter()
            .filter_map(|(t, at)| kept.get(at).map(|&index| (t, index)))
            .collect();
        Self::complete(pairs, kept, targets.len())
    }

    /// True positives, false positives, false negatives.
    pub fn counts(&self) -> Counts {
        let tp = self.pairs.len() as u64;
        Counts {
            tp,
            fp: self.false_detections.len() as u64,
            fn_: self.targets as u64 - tp,
        }
    }

    fn spire(
        targets: &[Target],
        detections: &[ScoredBox],
        reaches: impl Fn(&ScoredBox) -> bool,
    ) -> Self {
        let pairs = spire_pairs(targets, detections)
            .into_iter()
            .filter(|&(_, d)| detections.get(d).is_some_and(&reaches))
            .collect();
        let kept = detections
            .iter()
            .enumerate()
            .filter(|(_, d)| reaches(d) && !is_spire_padding(d))
            .map(|(index, _)| index)
            .collect();
        Self::complete(pairs, kept, targets.len())
    }

    fn complete(mut pairs: Vec<(usize, usize)>, kept: Vec<usize>, targets: usize) -> Self {
        pairs.sort_unstable();
        let mut used: Vec<usize> = pairs.iter().map(|&(_, d)| d).collect();
        used.sort_unstable();
        let false_detections = kept
            .into_iter()
            .filter(|d| used.binary_search(d).is_err())
            .collect();
        Self {
            pairs,
            false_detections,
            targets,
        }
    }
}

/// Indices of the boxes by falling score; equal scores keep their order.
pub(crate) fn by_score<'a>(boxes: impl Iterator<Item = &'a ScoredBox>) -> Vec<usize> {
    let mut order: Vec<(usize, f32)> = boxes.map(|b| b.score).enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    order.into_iter().map(|(index, _)| index).collect()
}

fn greedy_by_score(targets: &[Target], boxes: &[&ScoredBox]) -> Vec<(usize, usize)> {
    let mut free = vec![true; targets.len()];
    let mut pairs = Vec::new();
    for at in by_score(boxes.iter().copied()) {
        let Some(found) = boxes.get(at) else { continue };
        let mut best: Option<(usize, f64)> = None;
        for (index, (target, free)) in targets.iter().zip(&free).enumerate() {
            let iou = if *free { target.box_iou(found) } else { 0.0 };
            if iou >= BOX_IOU_MIN && best.is_none_or(|(_, highest)| iou > highest) {
                best = Some((index, iou));
            }
        }
        if let Some((index, _)) = best {
            if let Some(slot) = free.get_mut(index) {
                *slot = false;
            }
            pairs.push((index, at));
        }
    }
    pairs
}

fn raster_greedy(targets: &[Target], boxes: &[&ScoredBox]) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, [f64; 4])> = boxes.iter().map(|b| b.edges()).enumerate().collect();
    order.sort_by(|(_, [l1, t1, ..]), (_, [l2, t2, ..])| t1.total_cmp(t2).then(l1.total_cmp(l2)));
    let mut free: Vec<usize> = order.into_iter().map(|(index, _)| index).collect();
    let mut pairs = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let near = |&at: &usize| {
            boxes
                .get(at)
                .is_some_and(|b| target.center_distance(b) < CENTER_GATE_PX)
        };
        if let Some(position) = free.iter().position(near) {
            pairs.push((index, free.remove(position)));
        }
    }
    pairs
}

/// Hungarian with forbidden pairs: `cost` is in `0..=1` inside the gate, so one more pair always outweighs any total.
fn gated_assignment(
    targets: &[Target],
    boxes: &[&ScoredBox],
    criterion: Criterion,
    cost: impl Fn(&Target, &ScoredBox) -> f64,
) -> Vec<(usize, usize)> {
    // Rows and columns without any admissible partner cannot be matched: leaving them out keeps matrices small.
    let mut admissible: Vec<(usize, usize, f64)> = Vec::new();
    for (row, target) in targets.iter().enumerate() {
        for (col, found) in boxes.iter().enumerate() {
            if criterion.admits(target, found) {
                admissible.push((row, col, cost(target, found)));
            }
        }
    }
    let rows = distinct(admissible.iter().map(|&(row, ..)| row));
    let cols = distinct(admissible.iter().map(|&(_, col, _)| col));
    let forbidden = rows.len().min(cols.len()) as f64 + 1.0;
    let mut matrix = vec![forbidden; rows.len() * cols.len()];
    for &(row, col, cost) in &admissible {
        if let (Ok(r), Ok(c)) = (rows.binary_search(&row), cols.binary_search(&col))
            && let Some(slot) = matrix.get_mut(r * cols.len() + c)
        {
            *slot = cost;
        }
    }
    let entry = |r: usize, c: usize| matrix.get(r * cols.len() + c).copied().unwrap_or(forbidden);
    let mut pairs = Vec::new();
    for (r, col) in assign_by(rows.len(), cols.len(), entry)
        .into_iter()
        .enumerate()
    {
        if let Some(c) = col
            && entry(r, c) < forbidden
            && let (Some(&row), Some(&col)) = (rows.get(r), cols.get(c))
        {
            pairs.push((row, col));
        }
    }
    pairs
}

fn distinct(values: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut all: Vec<usize> = values.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Centre `(0, 0)` in pixel indices, the value SPIRE's tools pad their keypoint lists with.
pub(crate) fn is_spire_padding(found: &ScoredBox) -> bool {
    found.x == 0.5 && found.y == 0.5
}

/// SPIRE's pairing over detections of every score.
pub(crate) fn spire_pairs(targets: &[Target], detections: &[ScoredBox]) -> Vec<(usize, usize)> {
    let mut free: Vec<bool> = detections.iter().map(|d| !is_spire_padding(d)).collect();
    let mut pairs = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let mut nearest: Option<(usize, f64)> = None;
        for (at, (found, _)) in detections
            .iter()
            .zip(&free)
            .enumerate()
            .filter(|(_, (_, free))| **free)
        {
            let distance = target.center_distance(found);
            if nearest.is_none_or(|(_, least)| distance < least) {
                nearest = Some((at, distance));
            }
        }
        if let Some((at, distance)) = nearest
            && distance <= SPIRE_GATE_PX
        {
            if let Some(slot) = free.get_mut(at) {
                *slot = false;
            }
            pairs.push((index, at));
        }
    }
    pairs
}
