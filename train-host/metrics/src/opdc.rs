//! OPDC matching (overlap priority, distance compensation) and hIoU, as in PyIRSTDMetrics 1.0.2.
//!
//! In: the labelled prediction and the labelled mask of one image. Out: counts and the summed mask IoU of the pairs.
//! First all components are assigned by least total centroid distance and pairs of mask IoU >= 0.5 are kept; what is
//! left is assigned again and pairs closer than 3 px are kept.

use std::collections::BTreeMap;

use crate::assignment::assign_by;
use crate::components::{Labelling, overlaps};
use crate::counts::Counts;
use crate::pd_fa::MATCH_RADIUS_PX;

/// Least mask IoU of a pair of the first pass.
pub const OVERLAP_MIN: f64 = 0.5;

/// Whether the reference's phantoms are reproduced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpdcRule {
    /// The rule as described.
    #[default]
    Fixed,
    /// PyIRSTDMetrics pads its matrices to at least 1 x 1, so an image without predictions adds a false positive, one
    /// without targets a false negative, and one without either adds both.
    Compat,
}

/// Counts and overlap of the pairs of an image or a set.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct OpdcTotals {
    /// Objects.
    pub counts: Counts,
    /// Sum of mask IoU over the pairs.
    pub iou_sum: f64,
}

impl OpdcTotals {
    /// Adds another image or set.
    pub fn add(&mut self, other: &OpdcTotals) {
        self.counts += other.counts;
        self.iou_sum += other.iou_sum;
    }

    /// Mean mask IoU of pairs; 0 without pairs.
    pub fn seg_iou(&self) -> f64 {
        if self.counts.tp == 0 {
            0.0
        } else {
            self.iou_sum / self.counts.tp as f64
        }
    }

    /// Pairs / (pairs + false positives + false negatives); 0 without objects.
    pub fn loc_iou(&self) -> f64 {
        let all = self.counts.tp + self.counts.fp + self.counts.fn_;
        if all == 0 {
            0.0
        } else {
            self.counts.tp as f64 / all as f64
        }
    }

    /// `seg_iou * loc_iou`; 0 without objects.
    pub fn h_iou(&self) -> f64 {
        self.seg_iou() * self.loc_iou()
    }
}

/// OPDC of one image of `pixels` pixels.
pub fn opdc(
    prediction: &Labelling,
    targets: &Labelling,
    pixels: u64,
    rule: OpdcRule,
) -> OpdcTotals {
    let (rows, cols) = (targets.components.len(), prediction.components.len());
    let (rows, cols) = match rule {
        OpdcRule::Fixed => (rows, cols),
        OpdcRule::Compat => (rows.max(1), cols.max(1)),
    };
    let distance =
        |r: usize, c: usize| match (targets.components.get(r), prediction.components.get(c)) {
            (Some(target), Some(found)) => target.centroid_distance(found),
            // The padding: as far as the image has pixels.
            _ => pixels as f64,
        };
    let iou = mask_ious(prediction, targets);
    let iou_of = |r: usize, c: usize| iou.get(&(r, c)).copied().unwrap_or(0.0);

    let mut pairs: Vec<(usize, usize)> = Vec::new();
    if iou.values().any(|&v| v >= OVERLAP_MIN) {
        let all = assign_by(rows, cols, distance).into_iter().enumerate();
        pairs.extend(
            all.filter_map(|(r, c)| c.map(|c| (r, c)))
                .filter(|&(r, c)| iou_of(r, c) >= OVERLAP_MIN),
        );
    }
    let left_rows: Vec<usize> = (0..rows)
        .filter(|r| pairs.iter().all(|(used, _)| used != r))
        .collect();
    let mut col_used = vec![false; cols];
    for &(_, c) in &pairs {
        if let Some(slot) = col_used.get_mut(c) {
            *slot = true;
        }
    }
    let left_cols: Vec<usize> = (0..cols)
        .filter(|&c| col_used.get(c) == Some(&false))
        .collect();
    let left = |r: usize, c: usize| match (left_rows.get(r), left_cols.get(c)) {
        (Some(&r), Some(&c)) => distance(r, c),
        _ => f64::MAX,
    };
    for (r, c) in assign_by(left_rows.len(), left_cols.len(), left)
        .into_iter()
        .enumerate()
    {
        if let (Some(&r), Some(&c)) = (left_rows.get(r), c.and_then(|c| left_cols.get(c)))
            && distance(r, c) < MATCH_RADIUS_PX
        {
            pairs.push((r, c));
        }
    }
    pairs.sort_unstable();
    let tp = pairs.len() as u64;
    let counts = Counts {
        tp,
        fp: cols as u64 - tp,
        fn_: rows as u64 - tp,
    };
    OpdcTotals {
        counts,
        iou_sum: pairs.iter().map(|&(r, c)| iou_of(r, c)).sum(),
    }
}

/// Mask IoU of (target, prediction) components that share pixels.
fn mask_ious(prediction: &Labelling, targets: &Labelling) -> BTreeMap<(usize, usize), f64> {
    let mut ious = BTreeMap::new();
    for ((t, p), shared) in overlaps(targets, prediction) {
        let (t, p) = (t as usize, p as usize);
        if let (Some(target), Some(found)) =
            (targets.components.get(t), prediction.components.get(p))
        {
            let union = u64::from(target.area) + u64::from(found.area) - shared;
            ious.insert((t, p), shared as f64 / union as f64);
        }
    }
    ious
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::label_where;

    fn line(text: &str) -> Labelling {
        let pixels: Vec<bool> = text.chars().map(|c| c == '#').collect();
        label_where(&pixels, text.len() as u32, 1, |p| p)
    }

    fn counts(prediction: &str, target: &str, rule: OpdcRule) -> (u64, u64, u64) {
        let c = opdc(
            &line(prediction),
            &line(target),
            prediction.len() as u64,
            rule,
        )
        .counts;
        (c.tp, c.fp, c.fn_)
    }

    #[test]
    fn phantoms_appear_in_compat_only() {
        assert_eq!(
            counts("..........", "#.........", OpdcRule::Compat),
            (0, 1, 1)
        );
        assert_eq!(
            counts("..........", "..........", OpdcRule::Compat),
            (0, 1, 1)
        );
        assert_eq!(
            counts("..........", "#.........", OpdcRule::Fixed),
            (0, 0, 1)
        );
        assert_eq!(
            counts("..........", "..........", OpdcRule::Fixed),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_large_pair_with_overlap_matches_although_its_centroids_are_far() {
        // Centroids 4 apart, IoU 10 / 18; then 7 apart, IoU 10 / 24.
        assert_eq!(
            counts(
                "##################..",
                "##########..........",
                OpdcRule::Fixed
            ),
            (1, 0, 0)
        );
        assert_eq!(
            counts(
                "########################",
                "..............##########",
                OpdcRule::Fixed
            ),
            (0, 1, 1)
        );
    }

    #[test]
    fn hiou_of_nothing_is_zero() {
        assert_eq!(OpdcTotals::default().h_iou(), 0.0);
    }
}
