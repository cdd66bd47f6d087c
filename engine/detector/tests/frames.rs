//! The detector on whole frames.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    unreachable_pub,
    reason = "shared with the tests of other crates by path"
)]
mod made_model;

use invdet_core::{Detections, Frame, FrameFlags, ImageSize};
use invdet_detector::{DetectError, Detector, DetectorOptions, Timing};
use invdet_net::manifest::Input;
use made_model::made_model;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

fn noise(width: u32, height: u32, seed: u64) -> Frame {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let size = ImageSize::new(width, height);
    let counts = (0..size.pixels())
        .map(|_| random.random_range(6000..6200))
        .collect();
    Frame {
        size,
        counts,
        bits: 14,
        ..Frame::default()
    }
}

fn detector() -> Detector {
    Detector::new(
        &made_model(),
        ImageSize::new(64, 64),
        DetectorOptions::default(),
    )
    .unwrap()
}

fn detections(detector: &mut Detector, frame: &Frame) -> Detections {
    let mut out = Detections::new();
    detector.detect(frame, &mut out).unwrap();
    out
}

#[test]
fn noise_gives_detections_inside_the_image_highest_score_first() {
    let mut detector = detector();
    for (width, height) in [(64, 64), (17, 16), (100, 37), (96, 128)] {
        let found = detections(&mut detector, &noise(width, height, 1));
        assert!(!found.is_empty(), "{width}x{height}");
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        assert!(found.iter().all(|d| d.score >= 0.3
            && (0.0..=width as f32).contains(&d.x)
            && (0.0..=height as f32).contains(&d.y)));
    }
}

#[test]
fn result_does_not_depend_on_the_frames_before() {
    let mut used = detector();
    let frame = noise(70, 50, 2);
    for (width, height) in [(64, 64), (200, 100), (70, 50), (16, 16)] {
        detections(&mut used, &noise(width, height, 9));
    }
    let wanted = detections(&mut detector(), &frame);
    assert!(!wanted.is_empty());
    assert_eq!(detections(&mut used, &frame), wanted);
}

#[test]
fn gain_and_level_of_the_sensor_make_no_difference() {
    let frame = noise(64, 64, 3);
    let mut other = frame.clone();
    other.counts.iter_mut().for_each(|c| *c = 4 * *c + 1000);
    other.bits = 16;
    let (a, b) = (
        detections(&mut detector(), &frame),
        detections(&mut detector(), &other),
    );
    assert_eq!(a.len(), b.len());
    assert!(!a.is_empty());
    for (a, b) in a.iter().zip(&b) {
        // The scale is 4 times larger exactly, so only the last bits of the quotient differ.
        assert!(
            (a.score - b.score).abs() < 1e-4 && a.center().distance(b.center()) < 1e-3,
            "{a:?} {b:?}"
        );
    }
}

#[test]
fn a_lower_threshold_adds_weaker_detections() {
    let frame = noise(32, 32, 4);
    let size = frame.size;
    let with = |threshold| {
        let options = DetectorOptions {
            threshold: Some(threshold),
            ..DetectorOptions::default()
        };
        detections(
            &mut Detector::new(&made_model(), size, options).unwrap(),
            &frame,
        )
    };
    let (few, many) = (with(0.6), with(0.1));
    assert!(
        few.len() < many.len(),
        "{} and {} found",
        few.len(),
        many.len()
    );
    assert!(few.iter().all(|d| d.score >= 0.6));
}

#[test]
fn mask_has_the_size_of_the_image_and_probabilities() {
    let mut detector = detector();
    let mut mask = vec![7.0; 3];
    detector.mask_probability(&mut mask);
    assert!(mask.is_empty());
    detections(&mut detector, &noise(33, 21, 5));
    detector.mask_probability(&mut mask);
    assert_eq!(mask.len(), 33 * 21);
    assert!(mask.iter().all(|p| (0.0..=1.0).contains(p)));
    assert!(mask.iter().any(|p| *p != mask[0]));
}

#[test]
fn heat_map_is_that_of_the_scores_two_by_two_pixels_a_value() {
    let mut detector = detector();
    let mut heat = vec![7.0; 3];
    detector.heat_probability(&mut heat);
    assert!(heat.is_empty());
    let out = detections(&mut detector, &noise(33, 21, 5));
    detector.heat_probability(&mut heat);
    assert_eq!(heat.len(), 33 * 21);
    // The strongest peak is the first detection, and its score.
    let highest = heat.iter().copied().fold(0.0, f32::max);
    assert_eq!(Some(highest), out.first().map(|d| d.score));
    let at = |x: usize, y: usize| heat[y * 33 + x];
    assert!((0..10).all(|y| (0..16).all(|x| at(2 * x, 2 * y) == at(2 * x + 1, 2 * y + 1))));
    assert!(heat.iter().any(|p| *p != heat[0]));
}

#[test]
fn frame_in_flat_field_correction_is_empty_and_leaves_no_mask() {
    let mut detector = detector();
    let mut frame = noise(64, 64, 6);
    let mut out = detections(&mut detector, &frame);
    assert!(!out.is_empty());
    frame.flags = FrameFlags { ffc: true };
    assert_eq!(detector.detect(&frame, &mut out), Ok(Timing::default()));
    assert!(out.is_empty());
    let mut mask = vec![0.5];
    detector.mask_probability(&mut mask);
    assert!(mask.is_empty());
}

#[test]
fn frames_that_cannot_be_used_are_refused_by_name_and_leave_nothing() {
    let mut detector = detector();
    let good = noise(64, 64, 7);
    for (width, height) in [(0, 0), (1, 1), (15, 64), (64, 15)] {
        let mut out = detections(&mut detector, &good);
        let size = ImageSize::new(width, height);
        let error = detector
            .detect(&noise(width, height, 1), &mut out)
            .unwrap_err();
        assert_eq!(error, DetectError::ImageTooSmall { found: size });
        assert!(out.is_empty());
    }
    let mut cut = good.clone();
    cut.counts.pop();
    let error = detector.detect(&cut, &mut Detections::new()).unwrap_err();
    assert_eq!(
        error,
        DetectError::WrongCounts {
            size: good.size,
            found: 4095
        }
    );
    let mut empty = Frame {
        size: ImageSize::new(5000, 5000),
        ..good
    };
    empty.counts.clear();
    let error = detector.detect(&empty, &mut Detections::new()).unwrap_err();
    assert!(
        matches!(error, DetectError::ImageTooLarge { .. }),
        "{error}"
    );
}

#[test]
fn thresholds_that_are_none_are_refused() {
    for threshold in [0.0, 1.0, -0.5, f32::NAN] {
        let options = DetectorOptions {
            threshold: Some(threshold),
            ..DetectorOptions::default()
        };
        let error = Detector::new(&made_model(), ImageSize::new(64, 64), options)
            .err()
            .unwrap();
        assert!(error.to_string().contains("threshold is"), "{error}");
    }
}

#[test]
fn fixed_normalisation_takes_grey_levels_of_eight_bits_only() {
    let mut model = made_model();
    model.manifest.input = Input::Fixed {
        mean: 100.0,
        std: 35.0,
    };
    let size = ImageSize::new(64, 64);
    let mut detector = Detector::new(&model, size, DetectorOptions::default()).unwrap();
    let mut frame = noise(64, 64, 8);
    let error = detector.detect(&frame, &mut Detections::new()).unwrap_err();
    assert_eq!(error, DetectError::WrongBits { found: 14 });
    frame.bits = 8;
    frame.counts.iter_mut().for_each(|c| *c -= 6000);
    assert!(!detections(&mut detector, &frame).is_empty());
}

#[test]
fn images_of_one_level_are_harmless() {
    let mut detector = detector();
    for level in [0, 1, u16::MAX] {
        let mut frame = noise(64, 48, 1);
        frame.counts.fill(level);
        let found = detections(&mut detector, &frame);
        assert!(
            found
                .iter()
                .all(|d| d.score.is_finite() && d.x.is_finite() && d.w.is_finite())
        );
    }
}
