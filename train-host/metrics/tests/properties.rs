//! What must hold on any input, and the corners of every definition.

use std::time::Instant;

use invdet_core::ImageSize;
use invdet_metrics::components::components_where;
use invdet_metrics::{
    Criterion, EvalOptions, Evaluator, Matching, MetricsError, ScoredBox, Target,
};

const BOX_CRITERIA: [Criterion; 4] = [
    Criterion::BoxIou50,
    Criterion::Center3Px,
    Criterion::Spire5Px,
    Criterion::Geo05,
];

/// Numbers in 0..1, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

fn target(x: f64, y: f64, side: f64) -> Target {
    Target {
        x,
        y,
        w: side,
        h: side,
        area: (side * side) as u32,
    }
}

fn found(x: f32, y: f32, side: f32, score: f32) -> ScoredBox {
    ScoredBox {
        x,
        y,
        w: side,
        h: side,
        score,
        area: None,
    }
}

fn counts(criterion: Criterion, targets: &[Target], boxes: &[ScoredBox]) -> (u64, u64, u64) {
    let c = Matching::of(criterion, targets, boxes, 0.0).counts();
    (c.tp, c.fp, c.fn_)
}

fn scene(
    numbers: &mut Numbers,
    targets: usize,
    boxes: usize,
    side: f32,
) -> (Vec<Target>, Vec<ScoredBox>) {
    let targets: Vec<Target> = (0..targets)
        .map(|_| {
            let size = 1.0 + (numbers.next() * 6.0).floor();
            target(
                f64::from((numbers.next() * side).floor()),
                f64::from((numbers.next() * side).floor()),
                f64::from(size),
            )
        })
        .collect();
    let boxes = (0..boxes)
        .map(|_| {
            // Coarse scores: many ties.
            let score = (numbers.next() * 16.0).floor() / 16.0;
            found(
                numbers.next() * side,
                numbers.next() * side,
                1.0 + numbers.next() * 6.0,
                score,
            )
        })
        .collect();
    (targets, boxes)
}

#[test]
fn without_detections_every_target_is_missed() {
    for criterion in BOX_CRITERIA.into_iter().chain([Criterion::Center3PxRaster]) {
        assert_eq!(
            counts(criterion, &[target(5.0, 5.0, 3.0); 2], &[]),
            (0, 0, 2),
            "{criterion:?}"
        );
    }
}

#[test]
fn without_targets_every_detection_is_false() {
    for criterion in BOX_CRITERIA.into_iter().chain([Criterion::Center3PxRaster]) {
        assert_eq!(
            counts(criterion, &[], &[found(5.0, 5.0, 3.0, 0.9); 2]),
            (0, 2, 0),
            "{criterion:?}"
        );
    }
}

#[test]
fn of_two_detections_on_one_target_one_is_false() {
    for criterion in BOX_CRITERIA.into_iter().chain([Criterion::Center3PxRaster]) {
        let boxes = [found(5.0, 5.0, 3.0, 0.9), found(5.25, 5.0, 3.0, 0.8)];
        assert_eq!(
            counts(criterion, &[target(5.0, 5.0, 3.0)], &boxes),
            (1, 1, 0),
            "{criterion:?}"
        );
    }
}

#[test]
fn gates_are_strict_at_three_pixels_and_inclusive_at_five() {
    let at = [target(10.0, 10.0, 3.0)];
    assert_eq!(
        counts(Criterion::Center3Px, &at, &[found(13.0, 10.0, 3.0, 1.0)]),
        (0, 1, 1)
    );
    assert_eq!(
        counts(Criterion::Center3Px, &at, &[found(12.99, 10.0, 3.0, 1.0)]),
        (1, 0, 0)
    );
    assert_eq!(
        counts(Criterion::Spire5Px, &at, &[found(13.0, 14.0, 3.0, 1.0)]),
        (1, 0, 0)
    );
    assert_eq!(
        counts(Criterion::Spire5Px, &at, &[found(13.0, 14.01, 3.0, 1.0)]),
        (0, 1, 1)
    );
}

#[test]
fn box_iou_of_exactly_one_half_is_a_hit() {
    let half = ScoredBox {
        w: 2.0,
        h: 1.0,
        ..found(5.0, 5.5, 0.0, 1.0)
    };
    assert_eq!(
        counts(Criterion::BoxIou50, &[target(5.0, 5.0, 2.0)], &[half]),
        (1, 0, 0)
    );
}

#[test]
fn hungarian_keeps_a_pair_that_greedy_gives_away() {
    // The middle detection is nearest to the first target but the only one of the second.
    let targets = [target(10.0, 10.0, 2.0), target(14.0, 10.0, 2.0)];
    let boxes = [found(11.5, 10.0, 2.0, 0.9), found(8.0, 10.0, 2.0, 0.5)];
    assert_eq!(counts(Criterion::Center3Px, &targets, &boxes), (2, 0, 0));
}

#[test]
fn a_weak_spire_match_blocks_a_strong_one() {
    let targets = [target(10.0, 10.0, 3.0)];
    let boxes = [found(10.0, 10.0, 3.0, 0.2), found(11.0, 10.0, 3.0, 0.9)];
    let c = Matching::of(Criterion::Spire5Px, &targets, &boxes, 0.5).counts();
    assert_eq!((c.tp, c.fp, c.fn_), (0, 1, 1));
}

#[test]
fn spire_drops_padding_at_the_origin_and_others_do_not() {
    let boxes = [found(0.5, 0.5, 1.0, 0.9)];
    assert_eq!(counts(Criterion::Spire5Px, &[], &boxes), (0, 0, 0));
    assert_eq!(counts(Criterion::Center3Px, &[], &boxes), (0, 1, 0));
}

#[test]
fn of_equal_scores_the_first_detection_takes_the_target() {
    let boxes = [found(5.5, 5.0, 3.0, 0.5), found(5.0, 5.0, 3.0, 0.5)];
    let matching = Matching::of(Criterion::BoxIou50, &[target(5.0, 5.0, 3.0)], &boxes, 0.0);
    assert_eq!(
        (matching.pairs, matching.false_detections),
        (vec![(0, 0)], vec![1])
    );
}

#[test]
fn counts_always_add_up_and_the_curve_equals_a_fresh_matching() {
    let mut numbers = Numbers(11);
    for case in 0..150 {
        let (targets, boxes) = scene(&mut numbers, case % 9, case % 23, 24.0);
        for criterion in BOX_CRITERIA {
            let curve = invdet_metrics::Curve::of(criterion, [(&targets[..], &boxes[..], 576)]);
            for step in 0_u8..=17 {
                let threshold = f32::from(step) / 16.0;
                let direct = Matching::of(criterion, &targets, &boxes, threshold).counts();
                assert_eq!(
                    curve.at(threshold),
                    direct,
                    "case {case} {criterion:?} at {threshold}"
                );
                assert_eq!(direct.tp + direct.fn_, targets.len() as u64);
                let kept = boxes.iter().filter(|b| b.score >= threshold).count() as u64;
                assert_eq!(direct.tp + direct.fp, kept, "case {case} {criterion:?}");
            }
        }
        let raster = Matching::of(Criterion::Center3PxRaster, &targets, &boxes, 0.5).counts();
        let best = Matching::of(Criterion::Center3Px, &targets, &boxes, 0.5).counts();
        assert!(raster.tp <= best.tp);
    }
}

fn square_mask(size: ImageSize, squares: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut mask = vec![0; size.pixels()];
    for &(x, y, side) in squares {
        for (dy, dx) in (0..side).flat_map(|dy| (0..side).map(move |dx| (dy, dx))) {
            mask[((y + dy) * size.width + x + dx) as usize] = 255;
        }
    }
    mask
}

#[test]
fn a_perfect_prediction_scores_one_hundred_everywhere() {
    let size = ImageSize::new(64, 48);
    let mask = square_mask(size, &[(5, 5, 2), (20, 20, 5), (40, 10, 9)]);
    let boxes: Vec<ScoredBox> = components_where(&mask, 64, 48, |m| m > 0)
        .iter()
        .map(|c| {
            let (x, y) = c.box_center();
            ScoredBox {
                x: x as f32,
                y: y as f32,
                w: c.width() as f32,
                h: c.height() as f32,
                score: 0.9,
                area: None,
            }
        })
        .collect();
    let probability: Vec<f32> = mask.iter().map(|&m| f32::from(m) / 255.0).collect();
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator
        .add_image(size, &boxes, Some(&probability), &mask)
        .unwrap();
    let report = evaluator.finish("squares", "test");
    for prf in [
        report.box_iou50,
        report.centre_3px,
        report.spire_5px,
        report.geo_05,
    ] {
        assert_eq!(
            (prf.p, prf.r, prf.f1),
            (Some(100.0), Some(100.0), Some(100.0))
        );
    }
    assert_eq!(
        (report.pd, report.fa_1e6, report.opdc.h_iou),
        (Some(100.0), Some(0.0), Some(100.0))
    );
    assert!((report.iou.unwrap() - 100.0).abs() < 1e-9);
    let rows = report.recall_by_area;
    assert_eq!(
        [rows.point.targets, rows.spot.targets, rows.extended.targets],
        [1, 1, 1]
    );
}

#[test]
fn the_report_has_exactly_the_promised_keys() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    let size = ImageSize::new(2, 2);
    evaluator
        .add_image(size, &[], Some(&[0.0; 4]), &[0, 0, 0, 255])
        .unwrap();
    let report = evaluator.finish("NUAA-SIRST", "test");
    let text = serde_json::to_string(&report).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut want = vec![
        "dataset",
        "split",
        "images",
        "threshold",
        "box_iou50",
        "centre_3px",
        "spire_5px",
        "geo_05",
        "opdc",
        "IoU",
        "nIoU",
        "Pd",
        "Fa_1e6",
        "recall_by_area",
    ];
    want.sort_unstable();
    let mut got = keys(&json);
    got.sort_unstable();
    assert_eq!(got, want);
    for criterion in ["box_iou50", "centre_3px", "spire_5px", "geo_05"] {
        let mut got = keys(&json[criterion]);
        got.sort_unstable();
        assert_eq!(got, ["F1", "P", "R"]);
    }
    assert_eq!(json["threshold"], 0.5);
    assert_eq!(
        serde_json::from_str::<invdet_metrics::Report>(&text).unwrap(),
        report
    );
}

#[test]
fn a_set_without_targets_has_null_where_the_field_divides_by_zero() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator
        .add_image(
            ImageSize::new(2, 2),
            &[found(1.0, 1.0, 1.0, 0.9)],
            Some(&[0.0; 4]),
            &[0; 4],
        )
        .unwrap();
    let report = evaluator.finish("empty", "test");
    assert_eq!(
        (report.pd, report.centre_3px.r, report.centre_3px.f1),
        (None, None, None)
    );
    assert_eq!((report.centre_3px.p, report.fa_1e6), (Some(0.0), Some(0.0)));
    assert_eq!(evaluator.curve(Criterion::Center3Px).best_f1(), None);
    assert_eq!(
        evaluator.curve(Criterion::BoxIou50).best_f1_interpolated(),
        None
    );
}

#[test]
fn without_probability_maps_pixel_metrics_are_null() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator
        .add_image(ImageSize::new(2, 2), &[], None, &[255; 4])
        .unwrap();
    let report = evaluator.finish("boxes", "test");
    assert_eq!(
        (
            report.iou,
            report.n_iou,
            report.pd,
            report.fa_1e6,
            report.opdc.p
        ),
        (None, None, None, None, None)
    );
    assert_eq!(report.centre_3px.r, Some(0.0));
}

#[test]
fn bad_images_are_refused_and_leave_no_trace() {
    let (size, mask) = (ImageSize::new(2, 2), [0_u8; 4]);
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator
        .add_image(size, &[], Some(&[0.0; 4]), &mask)
        .unwrap();
    let before = evaluator.finish("a", "b");
    let nan = found(f32::NAN, 0.0, 1.0, 0.5);
    assert!(matches!(
        evaluator.add_image(size, &[], Some(&[0.0; 4]), &mask[..3]),
        Err(MetricsError::MaskLength { .. })
    ));
    assert!(matches!(
        evaluator.add_image(size, &[], Some(&[0.0; 3]), &mask),
        Err(MetricsError::ProbabilityLength { .. })
    ));
    assert!(matches!(
        evaluator.add_image(size, &[], Some(&[0.0, f32::NAN, 0.0, 0.0]), &mask),
        Err(MetricsError::ProbabilityNotFinite { index: 1, .. })
    ));
    assert!(matches!(
        evaluator.add_image(size, &[], None, &mask),
        Err(MetricsError::ProbabilityMixed { .. })
    ));
    let refused = evaluator.add_image(size, &[nan], Some(&[0.0; 4]), &mask);
    assert!(matches!(
        refused,
        Err(MetricsError::BadDetection {
            image: 1,
            index: 0,
            ..
        })
    ));
    assert_eq!(evaluator.finish("a", "b"), before);
}

#[test]
fn best_threshold_separates_hits_from_strays() {
    let targets = [target(10.0, 10.0, 3.0), target(30.0, 10.0, 3.0)];
    let boxes = [
        found(10.0, 10.0, 3.0, 0.9),
        found(30.0, 10.0, 3.0, 0.7),
        found(50.0, 10.0, 3.0, 0.6),
        found(50.0, 20.0, 3.0, 0.2),
    ];
    let curve = invdet_metrics::Curve::of(
        Criterion::Center3Px,
        [(&targets[..], &boxes[..], 1_000_000)],
    );
    assert_eq!(curve.best_f1().unwrap().threshold, 0.7);
    assert_eq!(
        curve.threshold_for_false_objects(1e-6).unwrap().threshold,
        0.6
    );
    assert_eq!(
        curve.threshold_for_false_objects(1e-5).unwrap().threshold,
        0.2
    );
    assert_eq!(
        curve.threshold_for_false_objects(0.0).unwrap().threshold,
        0.7
    );
}

#[test]
fn sweeping_a_set_of_sixty_four_detections_an_image_takes_less_than_a_second() {
    let mut numbers = Numbers(5);
    let images: Vec<_> = (0..700)
        .map(|_| scene(&mut numbers, 6, 64, 256.0))
        .collect();
    let start = Instant::now();
    let mut points = 0;
    for criterion in BOX_CRITERIA {
        let curve = invdet_metrics::Curve::of(
            criterion,
            images
                .iter()
                .map(|(t, b)| (t.as_slice(), b.as_slice(), 65_536)),
        );
        points += (0_u8..100)
            .filter(|&step| curve.at(f32::from(step) / 100.0).tp > 0)
            .count();
    }
    let took = start.elapsed();
    println!(
        "4 criteria, 700 images of 64 detections, 100 thresholds: {took:?}, {points} points with hits"
    );
    assert!(took.as_secs_f64() < 1.0, "{took:?}");
}

#[test]
fn labelling_two_hundred_images_of_512_takes_seconds_at_most() {
    let mut numbers = Numbers(9);
    let mask: Vec<u8> = (0..512 * 512)
        .map(|_| if numbers.next() < 0.02 { 255 } else { 0 })
        .collect();
    let start = Instant::now();
    let blobs: usize = (0..200)
        .map(|_| components_where(&mask, 512, 512, |m| m > 127).len())
        .sum();
    let took = start.elapsed();
    println!(
        "200 images of 512x512, {} blobs each: {took:?}",
        blobs / 200
    );
    assert!(took.as_secs_f64() < 5.0, "{took:?}");
}
