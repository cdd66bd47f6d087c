//! Counts at every threshold, and the operating points read from them.
//!
//! In: the targets and detections of every image of a set, and a criterion. Out: one point per distinct score. Built
//! in one pass: lowering the threshold past a detection either finds one more target or adds one false detection,
//! never both and never takes one back, so a detection has one fixed verdict:
//!
//! * P1 pairs by falling score, so the verdict of a detection does not depend on weaker ones;
//! * P2 and P4 pair as many as possible, and the size of a greatest pairing grows by one or not at all with each
//!   detection (an augmenting path exists or not);
//! * P3 pairs before it thresholds.
//!
//! Raster-greedy P2 has no such verdict (a new detection can take the place of another): its curve is that of the
//! Hungarian P2, which is never below it.

use crate::boxes::{ScoredBox, Target};
use crate::counts::{Counts, Prf};
use crate::matching::{Criterion, by_score, is_spire_padding, spire_pairs};

/// Counts of the whole set when detections of at least `threshold` are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// A score that occurs in the set.
    pub threshold: f32,
    /// Counts at that threshold.
    pub counts: Counts,
}

/// Precision, recall and false alarms over the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    points: Vec<CurvePoint>,
    /// Scores and verdicts by falling score, one per detection.
    verdicts: Vec<(f32, bool)>,
    targets: u64,
    pixels: u64,
}

impl Curve {
    /// Curve of a set; `images` yields targets, detections and number of pixels of each image.
    pub fn of<'a>(
        criterion: Criterion,
        images: impl IntoIterator<Item = (&'a [Target], &'a [ScoredBox], u64)>,
    ) -> Self {
        let mut verdicts = Vec::new();
        let (mut targets, mut pixels) = (0, 0);
        for (wanted, found, area) in images {
            targets += wanted.len() as u64;
            pixels += area;
            judge(criterion, wanted, found, &mut verdicts);
        }
        verdicts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut points: Vec<CurvePoint> = Vec::new();
        let mut counts = Counts {
            tp: 0,
            fp: 0,
            fn_: targets,
        };
        for &(threshold, hit) in &verdicts {
            if hit {
                counts.tp += 1;
                counts.fn_ -= 1;
            } else {
                counts.fp += 1;
            }
            match points.last_mut() {
                Some(last) if last.threshold == threshold => last.counts = counts,
                _ => points.push(CurvePoint { threshold, counts }),
            }
        }
        Self {
            points,
            verdicts,
            targets,
            pixels,
        }
    }

    /// Points by falling threshold, one per distinct score.
    pub fn points(&self) -> &[CurvePoint] {
        &self.points
    }

    /// Score of every detection of the set, falling, and whether it finds one more target.
    pub fn verdicts(&self) -> &[(f32, bool)] {
        &self.verdicts
    }

    /// Counts when detections of at least `threshold` are kept.
    pub fn at(&self, threshold: f32) -> Counts {
        let reached = self.points.partition_point(|p| p.threshold >= threshold);
        match reached
            .checked_sub(1)
            .and_then(|last| self.points.get(last))
        {
            Some(point) => point.counts,
            None => Counts {
                tp: 0,
                fp: 0,
                fn_: self.targets,
            },
        }
    }

    /// The point of highest F1, of equals the one of highest threshold; `None` without targets or detections.
    pub fn best_f1(&self) -> Option<CurvePoint> {
        let mut best: Option<(f64, CurvePoint)> = None;
        for point in &self.points {
            let f1 = point.counts.f1()?;
            if best.is_none_or(|(highest, _)| f1 > highest) {
                best = Some((f1, *point));
            }
        }
        best.map(|(_, point)| point)
    }

    /// Lowest threshold at which the set has at most `limit` false detections per pixel (false *objects* over
    /// pixels, 1e-6 or 1e-5 usually; not the false *pixels* of Fa). `None` when even the highest score has more.
    pub fn threshold_for_false_objects(&self, limit: f64) -> Option<CurvePoint> {
        let allowed = limit * self.pixels as f64;
        self.points
            .iter()
            .copied()
            .take_while(|p| p.counts.fp as f64 <= allowed)
            .last()
    }

    /// The operating point as EFLNet and YOLO report it: precision and recall interpolated linearly at 1000
    /// confidences from 0 to 1, and the confidence of highest F1. `None` without targets; all zero at confidence 0
    /// without detections.
    pub fn best_f1_interpolated(&self) -> Option<InterpolatedBest> {
        const CONFIDENCES: u32 = 1000;
        if self.targets == 0 {
            return None;
        }
        let mut samples = Vec::with_capacity(self.verdicts.len());
        let (mut tp, mut fp) = (0.0, 0.0);
        for &(score, hit) in &self.verdicts {
            *if hit { &mut tp } else { &mut fp } += 1.0;
            samples.push((
                -f64::from(score),
                tp / (tp + fp),
                tp / (self.targets as f64 + 1e-16),
            ));
        }
        let mut best = InterpolatedBest {
            confidence: 0.0,
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
        };
        let step = 1.0 / f64::from(CONFIDENCES - 1);
        for i in 0..CONFIDENCES {
            let confidence = if i + 1 == CONFIDENCES {
                1.0
            } else {
                f64::from(i) * step
            };
            let (precision, recall) = interpolate(&samples, -confidence);
            let f1 = 2.0 * precision * recall / (precision + recall + 1e-16);
            if f1 > best.f1 {
                best = InterpolatedBest {
                    confidence,
                    precision,
                    recall,
                    f1,
                };
            }
        }
        Some(best)
    }
}

/// Fractions, not percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InterpolatedBest {
    /// Confidence of highest F1, a multiple of 1/999.
    pub confidence: f64,
    /// Interpolated precision.
    pub precision: f64,
    /// Interpolated recall.
    pub recall: f64,
    /// F1 of the two.
    pub f1: f64,
}

impl InterpolatedBest {
    /// In percent.
    pub fn prf(&self) -> Prf {
        Prf {
            p: Some(100.0 * self.precision),
            r: Some(100.0 * self.recall),
            f1: Some(100.0 * self.f1),
        }
    }
}

/// Precision and recall at `x`; above every score precision is 1 and recall 0. Samples rise in their first field;
/// of equal ones the last counts.
fn interpolate(samples: &[(f64, f64, f64)], x: f64) -> (f64, f64) {
    let after = samples.partition_point(|s| s.0 <= x);
    let before = after.checked_sub(1).and_then(|i| samples.get(i));
    match (before, samples.get(after)) {
        (None, None) => (0.0, 0.0),
        (None, Some(_)) => (1.0, 0.0),
        (Some(&(_, p, r)), None) => (p, r),
        (Some(&(x0, p0, r0)), Some(&(x1, p1, r1))) => {
            let along = |a: f64, b: f64| (b - a) / (x1 - x0) * (x - x0) + a;
            (along(p0, p1), along(r0, r1))
        }
    }
}

fn judge(
    criterion: Criterion,
    targets: &[Target],
    detections: &[ScoredBox],
    verdicts: &mut Vec<(f32, bool)>,
) {
    if criterion == Criterion::Spire5Px {
        let mut hit = vec![false; detections.len()];
        for (_, at) in spire_pairs(targets, detections) {
            if let Some(slot) = hit.get_mut(at) {
                *slot = true;
            }
        }
        let real = detections
            .iter()
            .zip(hit)
            .filter(|(d, _)| !is_spire_padding(d));
        verdicts.extend(real.map(|(d, hit)| (d.score, hit)));
        return;
    }
    let mut growing = Growing {
        detection_of: vec![None; targets.len()],
        admitted: vec![Vec::new(); detections.len()],
    };
    for at in by_score(detections.iter()) {
        let Some(found) = detections.get(at) else {
            continue;
        };
        let hit = match criterion {
            Criterion::BoxIou50 => growing.take_best_overlap(targets, found, at),
            _ => {
                let near = targets
                    .iter()
                    .enumerate()
                    .filter(|(_, t)| criterion.admits(t, found));
                let near = near.map(|(index, _)| index).collect();
                growing.augment(near, at)
            }
        };
        verdicts.push((found.score, hit));
    }
}

/// A pairing that grows detection by detection.
struct Growing {
    detection_of: Vec<Option<usize>>,
    /// Targets each detection may have.
    admitted: Vec<Vec<usize>>,
}

impl Growing {
    fn take_best_overlap(&mut self, targets: &[Target], found: &ScoredBox, at: usize) -> bool {
        let mut best: Option<(&mut Option<usize>, f64)> = None;
        for (target, slot) in targets
            .iter()
            .zip(&mut self.detection_of)
            .filter(|(_, slot)| slot.is_none())
        {
            let iou = target.box_iou(found);
            if iou >= crate::matching::BOX_IOU_MIN
                && best.as_ref().is_none_or(|(_, highest)| iou > *highest)
            {
                best = Some((slot, iou));
            }
        }
        best.is_some_and(|(slot, _)| {
            *slot = Some(at);
            true
        })
    }

    /// Pairs detection `at`, moving others to other targets if need be (breadth-first augmenting path).
    fn augment(&mut self, near: Vec<usize>, at: usize) -> bool {
        if let Some(slot) = self.admitted.get_mut(at) {
            *slot = near;
        }
        let mut reached_by: Vec<Option<usize>> = vec![None; self.detection_of.len()];
        let mut queue = std::collections::VecDeque::from([at]);
        while let Some(detection) = queue.pop_front() {
            for &target in self.admitted.get(detection).map_or(&[][..], Vec::as_slice) {
                match reached_by.get_mut(target) {
                    Some(slot @ None) => *slot = Some(detection),
                    _ => continue,
                }
                match self.detection_of.get(target) {
                    Some(Some(holder)) => queue.push_back(*holder),
                    _ => {
                        self.shift_along(&reached_by, target, at);
                        return true;
                    }
                }
            }
        }
        false
    }

    fn shift_along(&mut self, reached_by: &[Option<usize>], free: usize, start: usize) {
        let mut target = free;
        while let Some(detection) = reached_by.get(target).copied().flatten() {
            let held = self.detection_of.iter().position(|d| *d == Some(detection));
            if let Some(slot) = self.detection_of.get_mut(target) {
                *slot = Some(detection);
            }
            match held {
                Some(previous) if detection != start => target = previous,
                _ => return,
            }
        }
    }
}
