//! The crate against results derived a second time in NumPy, scikit-image and SciPy (`golden/PROVENANCE.md`).
#![allow(
    clippy::unwrap_used,
    reason = "a fixture that does not parse must fail the test"
)]

use std::collections::BTreeMap;

use invdet_core::ImageSize;
use invdet_metrics::assignment::assign;
use invdet_metrics::components::{components, components_where, label_where};
use invdet_metrics::opdc::opdc;
use invdet_metrics::pd_fa::PdFaCounts;
use invdet_metrics::pixel::PixelCounts;
use invdet_metrics::{
    Counts, Criterion, EvalOptions, Evaluator, FALSE_ALARM_BUDGETS, FaArea, MaskMode, Matching,
    OpdcRule, PdFa, PixelTotals, ScoredBox, Target,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    set: Set,
    assignments: Vec<Assignment>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    width: u32,
    height: u32,
    prediction: String,
    mask: Vec<usize>,
    boxes: Vec<[f32; 5]>,
    components: Vec<(u32, u32, u32, u32, u32, f64, f64)>,
    pixel: Pixel,
    pd_fa_full: Rates,
    pd_fa_strict: Rates,
    opdc: (u64, u64, u64, f64),
    opdc_compat: (u64, u64, u64, f64),
    at_half: BTreeMap<String, [u64; 3]>,
    centre_total_px: f64,
    geo_total: f64,
}

#[derive(Deserialize)]
struct Pixel {
    basic: (u64, u64),
    acm: (u64, u64),
    strict: (u64, u64),
}

#[derive(Deserialize, PartialEq, Debug)]
struct Rates {
    targets: u64,
    detected: u64,
    basic: u64,
    dnanet: u64,
    objects: u64,
}

#[derive(Deserialize)]
struct Set {
    pixels: u64,
    iou: BTreeMap<String, f64>,
    n_iou: BTreeMap<String, f64>,
    pixel_accuracy: f64,
    pd: f64,
    fa_basic: f64,
    fa_dnanet: f64,
    fa_dnanet_256: f64,
    fa_basic_f32: f64,
    pd_strict: f64,
    fa_strict: f64,
    hiou_compat: f64,
    curves: BTreeMap<String, Vec<[u64; 3]>>,
    yolo_best: [f64; 4],
    by_area: [[u64; 3]; 3],
}

#[derive(Deserialize)]
struct Assignment {
    rows: usize,
    cols: usize,
    cost: Vec<f64>,
    pairs: Vec<(usize, usize)>,
}

impl Case {
    fn prediction(&self) -> Vec<bool> {
        let nibbles = self.prediction.chars().map(|c| c.to_digit(16).unwrap());
        nibbles
            .flat_map(|n| (0..4).rev().map(move |bit| n >> bit & 1 == 1))
            .take((self.width * self.height) as usize)
            .collect()
    }

    fn mask(&self) -> Vec<u8> {
        self.mask
            .chunks(2)
            .flat_map(|run| std::iter::repeat_n(run[0] as u8, run[1]))
            .collect()
    }

    fn boxes(&self) -> Vec<ScoredBox> {
        self.boxes
            .iter()
            .map(|&[x, y, w, h, score]| ScoredBox {
                x,
                y,
                w,
                h,
                score,
                area: None,
            })
            .collect()
    }

    fn targets(&self) -> Vec<Target> {
        components_where(&self.mask(), self.width, self.height, |m| m > 127)
            .iter()
            .map(Target::from)
            .collect()
    }

    fn size(&self) -> ImageSize {
        ImageSize::new(self.width, self.height)
    }
}

fn golden() -> Golden {
    let golden: Golden = serde_json::from_str(include_str!("../golden/golden.json")).unwrap();
    assert!(golden.cases.len() >= 200);
    golden
}

fn close(got: f64, want: f64) -> bool {
    (got - want).abs() <= 1e-12 * want.abs().max(1.0)
}

const CRITERIA: [(&str, Criterion); 5] = [
    ("box_iou50", Criterion::BoxIou50),
    ("centre_3px", Criterion::Center3Px),
    ("raster", Criterion::Center3PxRaster),
    ("spire_5px", Criterion::Spire5Px),
    ("geo_05", Criterion::Geo05),
];

fn triple(c: Counts) -> [u64; 3] {
    [c.tp, c.fp, c.fn_]
}

#[test]
fn components_equal_those_of_scikit_image() {
    for (index, case) in golden().cases.iter().enumerate() {
        let found = if index % 2 == 1 {
            components(&case.prediction(), case.width, case.height)
        } else {
            components_where(&case.mask(), case.width, case.height, |m| m > 127)
        };
        let got: Vec<_> = found
            .iter()
            .map(|c| {
                (
                    c.area,
                    c.x_min,
                    c.y_min,
                    c.x_max,
                    c.y_max,
                    c.centroid_x,
                    c.centroid_y,
                )
            })
            .collect();
        // Centroids too are compared bit by bit.
        assert_eq!(got, case.components, "case {index} {}", case.kind);
    }
}

#[test]
fn pixel_counts_equal_those_of_basicirstd_and_acm() {
    for (index, case) in golden().cases.iter().enumerate() {
        let counts = PixelCounts::of(&case.prediction(), &case.mask());
        let context = format!("case {index} {}", case.kind);
        assert_eq!(
            counts.set_overlap(MaskMode::Basic),
            case.pixel.basic,
            "{context}"
        );
        assert_eq!(
            counts.set_overlap(MaskMode::DnaNet),
            case.pixel.basic,
            "{context}"
        );
        assert_eq!(
            counts.set_overlap(MaskMode::Acm),
            case.pixel.acm,
            "{context}"
        );
        assert_eq!(
            counts.sample_overlap(MaskMode::Basic),
            case.pixel.acm,
            "{context}"
        );
        assert_eq!(
            counts.set_overlap(MaskMode::Strict),
            case.pixel.strict,
            "{context}"
        );
    }
}

#[test]
fn pd_and_both_fa_equal_those_of_basicirstd_and_dnanet() {
    let mut differ = 0;
    for (index, case) in golden().cases.iter().enumerate() {
        let prediction = components(&case.prediction(), case.width, case.height);
        for (mode, want) in [
            (MaskMode::Basic, &case.pd_fa_full),
            (MaskMode::Strict, &case.pd_fa_strict),
        ] {
            let objects =
                components_where(&case.mask(), case.width, case.height, |m| mode.is_object(m));
            let c = PdFaCounts::of(&prediction, &objects);
            let got = Rates {
                targets: c.targets,
                detected: c.detected,
                basic: c.false_pixels,
                dnanet: c.false_pixels_forgiven,
                objects: c.false_objects,
            };
            assert_eq!(&got, want, "case {index} {} {mode:?}", case.kind);
        }
        differ += u32::from(case.pd_fa_full.basic != case.pd_fa_full.dnanet);
    }
    assert!(differ > 20, "only {differ} cases tell the two rules apart");
}

#[test]
fn opdc_equals_pyirstdmetrics_with_and_without_phantoms() {
    for (index, case) in golden().cases.iter().enumerate() {
        let prediction = label_where(&case.prediction(), case.width, case.height, |p| p);
        let targets = label_where(&case.mask(), case.width, case.height, |m| m > 127);
        let pixels = case.size().pixels() as u64;
        for (rule, want) in [
            (OpdcRule::Fixed, case.opdc),
            (OpdcRule::Compat, case.opdc_compat),
        ] {
            let got = opdc(&prediction, &targets, pixels, rule);
            assert_eq!(
                triple(got.counts),
                [want.0, want.1, want.2],
                "case {index} {} {rule:?}",
                case.kind
            );
            assert!(
                close(got.iou_sum, want.3),
                "case {index} {} {rule:?}",
                case.kind
            );
        }
    }
}

#[test]
fn box_criteria_equal_the_second_implementation() {
    for (index, case) in golden().cases.iter().enumerate() {
        let (targets, boxes) = (case.targets(), case.boxes());
        for (name, criterion) in CRITERIA {
            let got = Matching::of(criterion, &targets, &boxes, 0.5);
            assert_eq!(
                triple(got.counts()),
                case.at_half[name],
                "case {index} {} {name}",
                case.kind
            );
        }
        let total = |criterion, cost: fn(&Target, &ScoredBox) -> f64| -> f64 {
            let pairs = Matching::of(criterion, &targets, &boxes, 0.5).pairs;
            pairs
                .iter()
                .map(|&(t, d)| cost(&targets[t], &boxes[d]))
                .sum()
        };
        assert!(
            (total(Criterion::Center3Px, Target::center_distance) - case.centre_total_px).abs()
                < 1e-9
        );
        assert!((total(Criterion::Geo05, |t, d| 1.0 - t.s_geo(d)) - case.geo_total).abs() < 1e-9);
    }
}

#[test]
fn assignments_equal_those_of_scipy_pair_by_pair() {
    for (index, a) in golden().assignments.iter().enumerate() {
        let got = assign(&a.cost, a.rows, a.cols).unwrap();
        let pairs: Vec<_> = got
            .iter()
            .enumerate()
            .filter_map(|(r, c)| c.map(|c| (r, c)))
            .collect();
        assert_eq!(pairs, a.pairs, "matrix {index}");
    }
}

fn evaluated(golden: &Golden, options: EvalOptions) -> Evaluator {
    let mut evaluator = Evaluator::new(options);
    for case in &golden.cases {
        let probability: Vec<f32> = case
            .prediction()
            .iter()
            .map(|&p| if p { 0.75 } else { 0.5 })
            .collect();
        evaluator
            .add_image(case.size(), &case.boxes(), Some(&probability), &case.mask())
            .unwrap();
    }
    evaluator
}

#[test]
fn iou_and_niou_of_the_set_equal_public_code() {
    let golden = golden();
    let totals = |mode| {
        let mut totals = PixelTotals::new(mode);
        golden
            .cases
            .iter()
            .for_each(|c| totals.add(&PixelCounts::of(&c.prediction(), &c.mask())));
        totals
    };
    for (mode, iou, n_iou) in [
        (MaskMode::Basic, "basic", "acm"),
        (MaskMode::DnaNet, "basic", "acm"),
        (MaskMode::Acm, "acm", "acm"),
        (MaskMode::Strict, "strict", "strict"),
    ] {
        assert!(
            close(totals(mode).iou().unwrap(), golden.set.iou[iou]),
            "{mode:?}"
        );
        assert!(
            close(totals(mode).n_iou().unwrap(), golden.set.n_iou[n_iou]),
            "{mode:?}"
        );
    }
    assert!(close(
        totals(MaskMode::Basic).pixel_accuracy().unwrap(),
        golden.set.pixel_accuracy
    ));
}

#[test]
fn pd_and_fa_of_the_set_equal_public_code() {
    let golden = golden();
    let rates = |mode: MaskMode| {
        let mut set = PdFa::new(mode);
        for case in &golden.cases {
            let prediction = components(&case.prediction(), case.width, case.height);
            let objects =
                components_where(&case.mask(), case.width, case.height, |m| mode.is_object(m));
            set.add(
                &PdFaCounts::of(&prediction, &objects),
                case.size().pixels() as u64,
            );
        }
        set
    };
    let (basic, dnanet, strict) = (
        rates(MaskMode::Basic),
        rates(MaskMode::DnaNet),
        rates(MaskMode::Strict),
    );
    assert_eq!(basic.pd().unwrap(), golden.set.pd);
    assert!(close(
        basic.fa(FaArea::SumOfImages).unwrap(),
        golden.set.fa_basic
    ));
    assert!((basic.fa(FaArea::SumOfImages).unwrap() / golden.set.fa_basic_f32 - 1.0).abs() < 1e-6);
    assert!(close(
        dnanet.fa(FaArea::SumOfImages).unwrap(),
        golden.set.fa_dnanet
    ));
    assert!(close(
        dnanet.fa(FaArea::DNANET).unwrap(),
        golden.set.fa_dnanet_256
    ));
    assert_eq!(strict.pd().unwrap(), golden.set.pd_strict);
    assert!(close(
        strict.fa(FaArea::SumOfImages).unwrap(),
        golden.set.fa_strict
    ));
}

#[test]
fn the_report_of_the_set_is_made_of_the_same_numbers() {
    let golden = golden();
    let report = evaluated(&golden, EvalOptions::default()).finish("golden", "all");
    let percent = |got: Option<f64>, want: f64| close(got.unwrap() / 100.0, want);
    assert_eq!(report.images, golden.cases.len() as u64);
    assert!(percent(report.iou, golden.set.iou["strict"]));
    assert!(percent(report.n_iou, golden.set.n_iou["strict"]));
    assert!(percent(report.pd, golden.set.pd_strict));
    assert!(close(report.fa_1e6.unwrap() / 1e6, golden.set.fa_strict));
    for (name, got) in [
        ("box_iou50", report.box_iou50),
        ("centre_3px", report.centre_3px),
        ("spire_5px", report.spire_5px),
        ("geo_05", report.geo_05),
    ] {
        let [tp, fp, fn_] = golden.set.curves[name][10];
        assert_eq!(got, Counts { tp, fp, fn_ }.prf(), "{name}");
    }
    let rows = report.recall_by_area;
    let got =
        [rows.point, rows.spot, rows.extended].map(|r| [r.targets, r.found, r.false_detections]);
    assert_eq!(got, golden.set.by_area);
    let compat = EvalOptions {
        opdc: OpdcRule::Compat,
        ..EvalOptions::default()
    };
    let report = evaluated(&golden, compat).finish("golden", "all");
    assert!(percent(report.opdc.h_iou, golden.set.hiou_compat));
}

#[test]
fn curves_equal_a_fresh_matching_at_every_threshold() {
    let golden = golden();
    let evaluator = evaluated(&golden, EvalOptions::default());
    for (name, criterion) in CRITERIA.into_iter().filter(|(name, _)| *name != "raster") {
        let curve = evaluator.curve(criterion);
        for (step, want) in (0_u8..).zip(&golden.set.curves[name]) {
            let threshold = f32::from(step) / 20.0;
            assert_eq!(triple(curve.at(threshold)), *want, "{name} at {threshold}");
            assert_eq!(
                curve.at(threshold),
                evaluator.counts(criterion, threshold),
                "{name} at {threshold}"
            );
        }
    }
}

#[test]
fn best_f1_over_a_thousand_confidences_equals_numpy_interp() {
    let golden = golden();
    let best = evaluated(&golden, EvalOptions::default())
        .curve(Criterion::BoxIou50)
        .best_f1_interpolated()
        .unwrap();
    let got = [best.confidence, best.precision, best.recall, best.f1];
    for (got, want) in got.into_iter().zip(golden.set.yolo_best) {
        assert!(close(got, want), "{got} {want}");
    }
}

#[test]
fn false_objects_per_pixel_stay_below_the_limit_and_one_step_lower_does_not() {
    let golden = golden();
    let curve = evaluated(&golden, EvalOptions::default()).curve(Criterion::Center3Px);
    let limit = 40.0 / golden.set.pixels as f64;
    let point = curve.threshold_for_false_objects(limit).unwrap();
    assert!(point.counts.fp <= 40);
    let next = curve
        .points()
        .iter()
        .find(|p| p.threshold < point.threshold)
        .unwrap();
    assert!(next.counts.fp > 40);
}

#[test]
fn the_full_report_is_made_of_the_same_numbers() {
    let golden = golden();
    let evaluator = evaluated(&golden, EvalOptions::default());
    let full = evaluator.full();
    let (set, percent) = (&golden.set, |got: Option<f64>, want: f64| {
        close(got.unwrap() / 100.0, want)
    });
    let pixel = full.pixel.unwrap();
    for (row, iou, n_iou, pd, fa) in [
        (
            pixel.strict,
            "strict",
            "strict",
            set.pd_strict,
            set.fa_strict,
        ),
        (pixel.basic, "basic", "acm", set.pd, set.fa_basic),
        (pixel.dnanet, "basic", "acm", set.pd, set.fa_dnanet),
        (pixel.acm, "acm", "acm", set.pd, set.fa_basic),
    ] {
        assert!(percent(row.iou, set.iou[iou]) && percent(row.n_iou, set.n_iou[n_iou]));
        assert!(percent(row.pd, pd) && close(row.fa_1e6.unwrap() / 1e6, fa));
    }
    assert!(percent(pixel.basic.pixel_accuracy, set.pixel_accuracy));
    assert!(close(
        pixel.dnanet.fa_1e6_of_256.unwrap() / 1e6,
        set.fa_dnanet_256
    ));
    let c = full.criteria;
    for (name, got) in [
        ("box_iou50", c.box_iou50),
        ("centre_3px", c.centre_3px),
        ("spire_5px", c.spire_5px),
        ("geo_05", c.geo_05),
    ] {
        let t = got.at_threshold;
        assert_eq!([t.tp, t.fp, t.fn_], set.curves[name][10], "{name}");
        let best = got.best_f1.unwrap().tally;
        // Thresholds of the golden curves are a subset.
        for [tp, fp, fn_] in set.curves[name].iter().copied() {
            assert!(best.prf.f1.unwrap() >= 100.0 * Counts { tp, fp, fn_ }.f1().unwrap() - 1e-9);
        }
    }
    assert!(percent(
        c.box_iou50.best_f1_interpolated.unwrap().prf.f1,
        set.yolo_best[3]
    ));
    assert!(close(
        full.opdc_compat.unwrap().h_iou / 100.0,
        set.hiou_compat
    ));
    let totals = golden.cases.iter().fold([0; 3], |sum, case| {
        let (tp, fp, fn_, _) = case.opdc;
        [sum[0] + tp, sum[1] + fp, sum[2] + fn_]
    });
    let t = full.opdc.unwrap().tally;
    assert_eq!([t.tp, t.fp, t.fn_], totals);

    // The default budgets are for sets of many more pixels: here they allow less than one false object.
    let limits: Vec<f64> = full
        .operating_points
        .iter()
        .map(|p| p.limit_per_pixel)
        .collect();
    assert_eq!(limits, FALSE_ALARM_BUDGETS);
    let points = evaluator.operating_points(&[10.0, 40.0, 200.0].map(|n| n / set.pixels as f64));
    for point in &points {
        let at = point.at.unwrap();
        assert!(at.false_per_pixel <= point.limit_per_pixel);
        let rows = at.recall_by_area;
        let rows = [rows.point, rows.spot, rows.extended];
        assert_eq!(rows.iter().map(|r| r.found).sum::<u64>(), at.tally.tp);
        let all_false = rows.iter().map(|r| r.false_detections).sum::<u64>();
        assert_eq!(all_false, at.tally.fp);
        assert!(close(
            at.false_per_pixel * set.pixels as f64,
            at.tally.fp as f64
        ));
    }
    let recalls: Vec<f64> = points
        .iter()
        .map(|p| p.at.unwrap().tally.prf.r.unwrap())
        .collect();
    assert!(
        recalls.is_sorted() && recalls[0] < recalls[2],
        "{recalls:?}"
    );

    // The bins from 0.5 on hold what the centre criterion counts at 0.5.
    let half = &full.reliability_at_threshold;
    let hits: u64 = half.bins.iter().map(|b| b.hits).sum();
    let [tp, fp, _] = set.curves["centre_3px"][10];
    assert_eq!((hits, half.detections), (tp, tp + fp));
    assert!(half.bins[..5].iter().all(|b| b.detections == 0));
    assert_eq!(half.bins[5..], full.reliability.bins[5..]);

    let text = serde_json::to_string(&full).unwrap();
    assert_eq!(
        serde_json::from_str::<invdet_metrics::FullReport>(&text).unwrap(),
        full
    );
}

#[test]
fn without_maps_or_detections_the_full_report_says_null() {
    let mut evaluator = Evaluator::new(EvalOptions::default());
    evaluator
        .add_image(ImageSize::new(2, 2), &[], None, &[0, 0, 0, 255])
        .unwrap();
    let full = evaluator.full();
    assert!(full.pixel.is_none() && full.opdc.is_none() && full.opdc_compat.is_none());
    assert!(full.operating_points.iter().all(|p| p.at.is_none()));
    assert_eq!(full.reliability.expected_calibration_error, None);
    let centre = full.criteria.centre_3px;
    assert_eq!(centre.at_threshold.fn_, 1);
    assert_eq!(centre.best_f1, None);
}
